/* SPDX-License-Identifier: Apache-2.0 */
/* controller.h - the loop around the compiler: whenever the document, a switch, a port, a link or a host changes, the flows
 * of every switch are computed anew and brought to them.
 * Flow: sessions, document -> [controller] -> view -> compiler -> sessions.   Thread: C.
 *
 * Theory.  Every event marks the plan as out of date (controller_touch); a moment later it is made anew, so that a burst of
 * events costs one computation.  When the trees that floods follow change in a way that could make frames circle while
 * only some switches have the new flows, the plan is made twice: first with what old and new trees have in common, and
 * when every switch has it, with the new ones (`is_final`).
 * A switch that was lost is thought to go on forwarding for SWITCH_HOLD_MS, and so is one that was not seen yet after the
 * start: neither a controller that starts anew nor a lost connection moves anybody's traffic. */
#ifndef CONTROLLER_CONTROLLER_H
#define CONTROLLER_CONTROLLER_H

#include <ev.h>

#include "base/clock.h"
#include "base/list.h"
#include "controller/compiler.h"
#include "controller/hosts.h"
#include "controller/links.h"
#include "controller/lldp.h"
#include "controller/services.h"
#include "controller/session.h"

enum { TOUCH_MS = 5, SWITCH_HOLD_MS = 15000, START_WAIT_MS = 1500, READ_AGAIN_MS = 60000 };

/* A switch of the document. */
struct member {
    struct session *session; /* NULL: not connected; it may be on its way to be ready */
    bool is_live;            /* as the plan has it */
    uint64_t lost_ns;        /* since when it is not connected; the start, when it never was */
    uint64_t read_ns;        /* when its flows were read last */
};

/* The other end that discovery found at an end of a link, when it is not the one that the document says. */
struct stray {
    int sw; /* NET_NONE: none */
    uint32_t port;
    uint64_t seen_ns;
};

/* One document and what goes with it; net/apply makes another. */
struct domain {
    struct net_doc *doc;
    char *text;                /* the document as it was read, for those who ask */
    struct member *members;    /* one for each switch */
    struct link_track *links;  /* one for each link */
    struct stray (*strays)[2]; /* one for each end of each link */
    bool *tree;                /* that floods shall follow: [network * n_links + link] */
    bool *in_force;            /* the same, and what switches that are not in sync yet may follow still */
    bool has_tree, is_final;
    struct plan plan; /* made last */
    bool has_plan;
};

struct session_item { /* every session, whether of a switch of the document or not */
    struct list link;
    struct controller *controller;
    struct session *session;
};

struct controller {
    struct ev_loop *loop;
    const struct clock *clock;
    struct tls *tls; /* for switches that connect by TLS; borrowed, NULL: none do */
    struct domain *domain;
    struct hosts hosts;
    struct services services;
    struct list sessions; /* struct session_item */
    struct lldp_key key;
    uint32_t serial; /* of discovery frames */
    uint64_t start_ns, n_plans;
    struct ev_timer touch, tick;
    /* Something may have become settled (controller_is_settled); NULL: nobody listens. */
    void (*settled)(void *arg);
    void *settled_arg;
};

int controller_init(struct controller *c, struct ev_loop *loop, const struct clock *clock);
void controller_fini(struct controller *c);

/* `text`: the document's, `len` bytes; `file`: its name in messages.  Replaces the one before; when it is wrong, nothing
 * changes. */
int controller_apply(struct controller *c, const char *file, const char *text, size_t len, struct errbuf *e);
/* Gives what would change: one struct changes for each switch of the new document (caller: changes_fini each, free), empty
 * where a switch is not connected; and the document itself.  `text` NULL: the document in force. */
struct difference {
    struct net_doc *doc;
    struct changes *changes;
    bool *is_known;
};
int controller_diff(struct controller *c, const char *file, const char *text, size_t len, struct difference *out,
                    struct errbuf *e);
void difference_fini(struct difference *d);

int controller_add_fd(struct controller *c, int fd, const struct endpoint *peer);
int controller_add_endpoint(struct controller *c, const struct endpoint *to, struct errbuf *e);

/* Every switch of the document is connected and holds what it should, every link is known to be up or down. */
bool controller_is_settled(const struct controller *c);
void controller_touch(struct controller *c); /* the plan must be made anew */

#endif
