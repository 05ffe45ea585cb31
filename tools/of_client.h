/* SPDX-License-Identifier: Apache-2.0 */
/* of_client.h - an OpenFlow 1.3 switch asked by somebody who waits for the answers: io/of_conn with a loop of its own.
 * Flow: flow.c -> [of_client] -> io/of_conn -> a switch.   Thread: one. */
#ifndef TOOLS_OF_CLIENT_H
#define TOOLS_OF_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/errbuf.h"
#include "base/str.h"
#include "openflow/value_text.h"

struct endpoint;
struct ofp_error;
struct ofp_msg;
struct of_client;
struct tls;

/* Connects and agrees on the version, all within 10 s.  `name`: what the switch is called in sentences; copied.  `tls`: for an
 * ssl: endpoint; borrowed until the client is closed.
 * Returns 0, or a negative errno with `e` set: there is nobody, or nobody who speaks OpenFlow 1.3. */
int of_client_open(struct of_client **out, const struct endpoint *to, const char *name, struct tls *tls,
                   struct errbuf *e);
void of_client_close(struct of_client *c); /* NULL is fine */

/* One request and its whole answer: `reply` (may be NULL) gets each message of it, borrowed until it returns.  The xid of `m`
 * is set here.  0; -EREMOTEIO: the switch refused, `e` says what; other errors: the connection is of no more use. */
typedef void of_reply_fn(void *arg, const struct ofp_msg *m);
int of_client_request(struct of_client *c, struct ofp_msg *m, of_reply_fn *reply, void *arg, struct errbuf *e);

/* Sends `n` whole messages, encoded one behind the other in `p`, with the xids `first_xid` and up, and a request behind
 * them whose answer is waited for.  `refused` hears of each that the switch answers with an error, by its place from 0.
 * 0; -EREMOTEIO: the last request is refused; or the connection is of no more use. */
struct of_batch {
    const uint8_t *p;
    size_t len, n;
    uint32_t first_xid; /* from of_client_xids() */
    void (*refused)(void *arg, size_t i, const struct ofp_error *err);
    void *arg;
    struct ofp_msg *end; /* the request behind them; NULL: a barrier */
};
uint32_t of_client_xids(struct of_client *c, size_t n); /* reserves n in a row, returns the first */
int of_client_send_batch(struct of_client *c, const struct of_batch *batch, struct errbuf *e);

/* Asks for the names of the ports; good until the client is closed. */
int of_client_port_names(struct of_client *c, struct errbuf *e);
const struct port_names *of_client_names(const struct of_client *c);

/* "there is no such group (OFPBAC_BAD_OUT_GROUP)". */
void of_error_text(struct str *s, uint16_t type, uint16_t code);

#endif
