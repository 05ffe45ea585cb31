/* SPDX-License-Identifier: Apache-2.0 */
/* session.h - one switch at the other end of an OpenFlow connection: gets to know it, keeps in mind which flows it holds,
 * and brings them to what is desired.
 * Flow: of_conn <-> [session] <-> controller.   Spec: OpenFlow 1.3.5, 6.2, 6.4, 7.3.   Thread: C.
 *
 * Theory.  After the connection is up: features, then (told by the controller that the switch is one of its own, by
 * session_accept) configuration, port description and a reading of all flows.  From then on `held` mirrors our flows on
 * the switch: what a batch changed is entered when its barrier is answered, an entry that the switch refused is not, and a
 * flow that idled out is taken out.  A reading now and then (session_read) puts right whatever else happened. */
#ifndef CONTROLLER_SESSION_H
#define CONTROLLER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "controller/compiler.h"
#include "controller/reconcile.h"

struct ev_loop;
struct endpoint;
struct errbuf;
struct ofp_flow_removed;
struct ofp_flow_stats;
struct ofp_packet_in;
struct session;
struct tls;

struct session_events {
    /* The switch has said who it is: the controller keeps it with session_accept, or lets it idle. */
    void (*features)(void *arg, struct session *s);
    /* Ports and flows are known: session_want may be called. */
    void (*ready)(void *arg, struct session *s);
    void (*ports)(void *arg, struct session *s); /* a port came, went or changed */
    void (*port_gone)(void *arg, struct session *s, uint32_t port);
    void (*in_sync)(void *arg, struct session *s); /* what was wanted last is held */
    /* A frame shown to the controller by a flow of ours.  Borrowed. */
    void (*packet_in)(void *arg, struct session *s, uint32_t in_port, const struct ofp_packet_in *p);
    void (*flow_idle)(void *arg, struct session *s, const struct flow *f); /* one of ours timed out */
    void (*down)(void *arg, struct session *s,
                 const char *why); /* an accepted one is freed when this returns; one that connects will do so again */
};

struct session_conf {
    const struct session_events *events;
    void *arg;
    const struct clock *clock;
    struct tls *tls; /* for ssl: endpoints; borrowed for as long as the session lives */
};

/* One accepted socket (takes `fd`), or an endpoint to connect to for good.  0 or a negative errno. */
int session_from_fd(struct session **out, struct ev_loop *loop, int fd, const struct endpoint *peer,
                    const struct session_conf *conf);
int session_connect(struct session **out, struct ev_loop *loop, const struct endpoint *to,
                    const struct session_conf *conf, struct errbuf *e);
void session_close(struct session *s); /* no callback follows; NULL is fine */

/* In `features`: the switch is the document's `name` (copied, for messages). */
void session_accept(struct session *s, const char *name);

/* Brings the switch to hold exactly `desired` of ours; `in_sync` follows (from the loop).  Copies.  A later call replaces an
 * earlier one.  0 or -ENOMEM. */
int session_want(struct session *s, const struct flow_set *desired);
/* What session_want would change now.  Caller: changes_fini. */
int session_diff(const struct session *s, const struct flow_set *desired, struct changes *out);
bool session_is_in_sync(const struct session *s);

/* Every flow that the switch has, ours or not, as it tells them; at the end `done`, err 0 or negative when the session
 * ended before.  `held` is put right on the way.  0, -EBUSY (one reading at a time), -ENOTCONN. */
struct session_reader {
    void (*flow)(void *arg, const struct ofp_flow_stats *f); /* may be NULL */
    void (*done)(void *arg, int err);                        /* may be NULL */
    void *arg;
};
int session_read(struct session *s, const struct session_reader *reader);

/* Gives the connection up when the switch leaves a request without an answer; to be called every second or so.  `down` may
 * follow. */
void session_tick(struct session *s);
/* The same, sooner: asks something now. */
void session_probe(struct session *s);

/* Sends a frame out of a port; dropped when the connection has no room. */
void session_packet_out(struct session *s, uint32_t port, const uint8_t *frame, size_t n);
/* The same for a frame that goes on in a table of the pipeline, as if it had come there by itself. */
struct session_place {
    uint8_t table;
    uint64_t metadata;
    uint32_t reg0;
    net_mac dst; /* its new destination; 0: as it is */
};
void session_packet_on(struct session *s, const struct session_place *at, const uint8_t *frame, size_t n);

uint64_t session_datapath_id(const struct session *s);        /* 0: not known yet */
bool session_is_active(const struct session *s);              /* connects of its own accord */
const struct flow_set *session_held(const struct session *s); /* ours; borrowed until the next turn of the loop */
bool session_is_ready(const struct session *s);
bool session_is_trama(const struct session *s); /* trama-switchd: it has trama's own extensions (docs/extensions.md) */
const struct view_port *session_ports(const struct session *s,
                                      size_t *n); /* borrowed until the next turn of the loop */
bool session_port_mac(const struct session *s, uint32_t port, uint8_t out[6]);
const char *session_peer(const struct session *s, char *text, size_t size);
const char *session_name(const struct session *s);

struct session_counts {
    size_t n_held, n_others, n_conflicts, n_refused; /* flows */
    uint64_t n_batches, n_changes, n_packet_ins;
    uint64_t since_ns;
    const char *last_refusal; /* "" when there was none; borrowed */
};
void session_counts(const struct session *s, struct session_counts *out);

#endif
