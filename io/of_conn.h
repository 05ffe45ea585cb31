/* SPDX-License-Identifier: Apache-2.0 */
/* of_conn.h - an OpenFlow connection: hello, echo, framing, errors for what cannot be decoded, reconnecting.  The user sees
 * whole, decoded messages of the agreed version.  Both ends use it; a passive one is a listener (io/stream.h) whose sockets
 * go to of_conn_accept.
 * Flow: socket -> stream -> [of_conn] -> agent or session.   Spec: OpenFlow 1.3.5, 6.3 to 6.4 and 7.5.
 * Thread: C, the one that runs the loop; callbacks come from the loop only. */
#ifndef IO_OF_CONN_H
#define IO_OF_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "io/addr.h"
#include "openflow/ofp.h"

struct ev_loop;
struct of_conn;
struct tls;

/* A callback may close its connection.  Any may be NULL but `message`. */
struct of_conn_events {
    /* A version is agreed; of_conn_send works from here on. */
    void (*up)(void *arg, struct of_conn *c);
    /* One message; HELLO and ECHO are dealt with before.  `m` and `bytes` (`n` of them, as they came) are borrowed until
     * this returns. */
    void (*message)(void *arg, struct of_conn *c, const struct ofp_msg *m, const uint8_t *bytes, size_t n);
    /* After a send was refused: there is room again. */
    void (*has_room)(void *arg, struct of_conn *c);
    /* An active connection that was up is lost, and will be tried again; an accepted one has ended, up or not, and is
     * freed when this returns. */
    void (*down)(void *arg, struct of_conn *c, const char *why);
};

struct of_conn_conf {
    const struct of_conn_events *events;
    void *arg;
    const char *name;          /* for the log: "bridge br0: controller"; copied */
    const struct clock *clock; /* borrowed; NULL: the system's */
    uint32_t versions;         /* bit v: wire version v is possible; 0: 1.3 only */
    uint64_t probe_ns;         /* silence until an echo request, and again until the connection is given up; 0: 5 s */
    uint64_t backoff_min_ns, backoff_max_ns; /* pause between attempts to connect, doubling; 0: 1 s and 8 s */
    size_t max_out;                          /* bytes that may wait for the peer to read; 0: 16 MiB */
    struct tls *tls;                         /* for ssl: endpoints; borrowed for as long as the connection lives */
    bool has_connected; /* of_conn_accept: the socket did connect, rather than accept; TLS must know */
};

/* Connects, and connects again whenever it fails, until closed.  Returns 0, -ENOMEM or -EINVAL (a passive endpoint). */
int of_conn_open(struct of_conn **out, struct ev_loop *loop, const struct endpoint *to, const struct of_conn_conf *conf,
                 struct errbuf *e);
/* Serves one accepted socket; takes `fd`, also when it fails (-ENOMEM). */
int of_conn_accept(struct of_conn **out, struct ev_loop *loop, int fd, const struct endpoint *peer,
                   const struct of_conn_conf *conf);
/* Sends what the socket takes at once of what waits, and ends it.  No callback follows.  NULL is fine. */
void of_conn_close(struct of_conn *c);
/* Drops the present connection of an active one, which then connects again; ends an accepted one.  `down` follows. */
void of_conn_drop(struct of_conn *c, const char *why);

/* Encodes and queues; the version is the agreed one whatever `m` says.  Returns 0; -ENOTCONN; -ENOBUFS when the peer does
 * not read (nothing is queued, `has_room` follows); -EMSGSIZE when it cannot be encoded. */
int of_conn_send(struct of_conn *c, const struct ofp_msg *m);
/* The same for what nobody waits for, such as packet-ins: refused and counted already when half the room is taken, so
 * that replies find some. */
int of_conn_send_async(struct of_conn *c, const struct ofp_msg *m);
/* Queues whole messages that are encoded already, all or none. */
int of_conn_send_bytes(struct of_conn *c, const uint8_t *p, size_t n);
/* An error for the request `bytes`, of which the first 64 are sent back. */
int of_conn_send_error(struct of_conn *c, const uint8_t *bytes, size_t n, struct ofp_err err);
uint32_t of_conn_next_xid(struct of_conn *c); /* never 0 */

/* Stops and goes on taking messages: for an agent whose own work waits for something. */
void of_conn_hold(struct of_conn *c);
void of_conn_resume(struct of_conn *c);
size_t of_conn_room(const struct of_conn *c); /* bytes that can be queued now */

bool of_conn_is_up(const struct of_conn *c);
bool of_conn_is_active(const struct of_conn *c);
uint8_t of_conn_version(const struct of_conn *c); /* on the wire; 0 when not up */
const struct endpoint *of_conn_peer(const struct of_conn *c);
const char *of_conn_last_error(const struct of_conn *c); /* why it ended or did not come up, "" when it never failed */

struct of_conn_stats {
    uint64_t n_in, n_out; /* messages, since the conn was made */
    uint64_t n_bad;       /* answered with an error because they could not be decoded */
    uint64_t n_dropped;   /* asynchronous ones that found no room */
    uint64_t n_ups;       /* how often it came up */
    uint64_t since_ns;    /* when it last came up or went down */
};
void of_conn_stats(const struct of_conn *c, struct of_conn_stats *out);

/* Does what is due at the clock's present time; called by a timer of its own, and by tests after a warp. */
void of_conn_tick(struct of_conn *c);

#endif
