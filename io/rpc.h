/* SPDX-License-Identifier: Apache-2.0 */
/* rpc.h - JSON-RPC 1.0 over unix sockets: how tools speak with daemons.  What `ovs-appctl -t SOCKET` sends (an array of
 * strings) and takes (a string) is understood; our own tools may send and get any JSON.
 * Spec: JSON-RPC 1.0; a request without id is a notification.  Thread: the server C; the client any, one at a time. */
#ifndef IO_RPC_H
#define IO_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/errbuf.h"

struct ev_loop;
struct rpc_server;
struct rpc_request; /* one request that waits for its reply */
struct rpc_client;

/* Bytes: a request, a reply.  */
enum { RPC_REQUEST_MAX = 64 << 20, RPC_REPLY_MAX = 512 << 20, RPC_CLIENTS_MAX = 256 };

/* Answers with exactly one rpc_reply..., at once or later; until then `r` stays good, whether the client is there or not.
 * `params` (array or object) is borrowed until the reply.  They have been checked: as many as the table says, or keys that it
 * names, and all text; a whole number that came has become text. */
typedef void rpc_method_fn(struct rpc_request *r, json_t *params, void *arg);

struct rpc_method {
    const char *name; /* NULL ends the table */
    const char
        *usage;      /* "[BRIDGE] [TABLE]": for list-commands, and in small letters the keys that an object may have */
    size_t min, max; /* how many params, when they are an array */
    rpc_method_fn *run;
};

/* Serves at `path`; a stale socket there is replaced.  The table is borrowed; "list-commands" is added.
 * `arg` goes to every method.  Returns 0 or a negative errno with `e` set. */
int rpc_server_open(struct rpc_server **out, struct ev_loop *loop, const char *path, const struct rpc_method *methods,
                    void *arg, struct errbuf *e);
/* Requests still without a reply stay good and must get theirs.  NULL is fine. */
void rpc_server_close(struct rpc_server *s);

/* Each ends the request.  `result`: taken; any JSON; NULL (out of memory) becomes an error. */
void rpc_reply(struct rpc_request *r, json_t *result);
void rpc_reply_text(struct rpc_request *r, const char *text);
/* `result` (taken) as it is when `params` are an object, as our tools send them; as text when they are an array, which is what
 * ovs-appctl sends and the only thing that it takes. */
void rpc_reply_either(struct rpc_request *r, const json_t *params, json_t *result);
void rpc_reply_error(struct rpc_request *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sends {"method": .., "params": ..} before the reply: for what comes over time, such as captured frames.  Takes `params`.
 * Returns -ENOTCONN when the client is gone, -ENOBUFS when it does not read: nothing is sent then. */
int rpc_notify(struct rpc_request *r, const char *method, json_t *params);
/* `gone` is called when the client leaves before the reply (which is still due). */
void rpc_on_gone(struct rpc_request *r, void (*gone)(struct rpc_request *r, void *arg), void *arg);
bool rpc_is_gone(const struct rpc_request *r);
/* The i-th param as text, or the member `key` of an object; NULL when there is none. */
const char *rpc_param_text(const json_t *params, size_t i, const char *key);

/* One call, waiting for the reply.  `params`: taken; NULL stands for none.  `timeout_ms`: -1 waits for ever.
 * Success: *result is the caller's (json_decref).  -EREMOTEIO: the daemon refused, `e` says what it said; other errors: it
 * could not be asked.  */
int rpc_call(const char *path, const char *method, json_t *params, int timeout_ms, json_t **result, struct errbuf *e);

/* The same for several calls on one connection, and for notifications, which are given to `notified` (may be NULL; it
 * returns false to give up, then -ECANCELED comes back). */
typedef bool rpc_notified_fn(void *arg, const char *method, const json_t *params);
int rpc_client_open(struct rpc_client **out, const char *path, struct errbuf *e);
void rpc_client_close(struct rpc_client *c);
void rpc_client_on_notify(struct rpc_client *c, rpc_notified_fn *notified, void *arg);
int rpc_client_call(struct rpc_client *c, const char *method, json_t *params, int timeout_ms, json_t **result,
                    struct errbuf *e);

#endif
