/* SPDX-License-Identifier: Apache-2.0 */
/* control_test.c - the commands of --test: time that jumps, and ports whose frames a test gives and takes, and a daemon
 * that looks at nothing by itself. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "datapath/port_mem.h"
#include "vswitch/control_impl.h"

enum { FRAME_MAX = 65535 };

void test_warp(struct rpc_request *r, json_t *params, void *arg)
{
    struct control *c = arg;
    const char *text = rpc_param_text(params, 0, "milliseconds");
    char *end = NULL;
    unsigned long long ms = text ? strtoull(text, &end, 10) : 0;

    if (!text || end == text || *end || ms > 1000ull * 86400 * 365 * 100) {
        rpc_reply_error(r, "clock/warp needs a number of milliseconds");
        return;
    }
    clock_warp(c->conf.clock, ms * NSEC_PER_MS);
    rpc_reply_either(r, params, json_string("warped"));
}

/* From now on nothing is looked at regularly: what happens, happens because somebody told. */
void test_tick_stop(struct rpc_request *r, json_t *params, void *arg)
{
    const struct control *c = arg;

    ev_timer_stop(c->conf.loop, &c->conf.sw->tick);
    rpc_reply_text(r, "");
}

/* OpenFlow connections do now what is due after a warp. */
void test_connection_tick(struct rpc_request *r, json_t *params, void *arg)
{
    const struct control *c = arg;

    for_each_list (struct sw_bridge, b, &c->conf.sw->bridges, link)
        for_each_list_safe (struct channel, channel, next, &b->channels, link)
            channel_tick(channel);
    rpc_reply_text(r, "");
}

static struct port *test_port(struct rpc_request *r, const struct control *c, const char *name)
{
    struct sw_port *p = name ? sw_port_find(c->conf.sw, name) : NULL;

    if (p && p->at.port->type == PORT_MEM)
        return p->at.port;
    rpc_reply_error(r, p ? "port %s is not of type test" : "there is no port %s", name ? name : "without a name");
    return NULL;
}

static int nibble(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* Returns the number of bytes, 0 when it is not hex. */
static size_t from_hex(uint8_t *out, size_t size, const char *hex)
{
    size_t n = 0;

    for (; hex[0] && hex[1]; hex += 2) {
        int hi = nibble(hex[0]), lo = nibble(hex[1]);

        if (hi < 0 || lo < 0 || n == size)
            return 0;
        out[n++] = (uint8_t)(hi << 4 | lo);
    }
    return hex[0] ? 0 : n;
}

/* The frames that are good, up to the first that is not. */
void test_give(struct rpc_request *r, json_t *params, void *arg)
{
    struct port *p = test_port(r, arg, rpc_param_text(params, 0, "port"));
    uint8_t *frame = p ? malloc(FRAME_MAX) : NULL;
    const char *hex = rpc_param_text(params, 1, "hex");
    size_t n = 1;
    int err = frame ? 0 : -ENOMEM;

    for (size_t i = 2; !err && n && hex; hex = rpc_param_text(params, i++, "")) {
        n = from_hex(frame, FRAME_MAX, hex);
        err = n ? port_mem_give(p, 0, frame, n) : 0;
    }
    free(frame);
    if (!p)
        return;
    if (!err && (!n || !rpc_param_text(params, 1, "hex")))
        rpc_reply_error(r, "testport/give needs frames of at most %d bytes in hex", FRAME_MAX);
    else if (err)
        rpc_reply_error(r, "port %s: %s", p->name, strerror(-err));
    else
        rpc_reply_text(r, "");
}

void test_take(struct rpc_request *r, json_t *params, void *arg)
{
    static const char digits[] = "0123456789abcdef";
    struct port *p = test_port(r, arg, rpc_param_text(params, 0, "port"));
    uint8_t *frame = p ? malloc(FRAME_MAX) : NULL;
    char *hex = p ? malloc(2 * FRAME_MAX + 1) : NULL;
    json_t *list = json_array();
    size_t n;

    /* No more than waited at first: others may come as fast as these are taken. */
    for (int left = PORT_MEM_RING; left && frame && hex && (n = port_mem_take(p, 0, frame, FRAME_MAX)); left--) {
        for (size_t i = 0; i < n && i < FRAME_MAX; i++) {
            hex[2 * i] = digits[frame[i] >> 4];
            hex[2 * i + 1] = digits[frame[i] & 15];
        }
        json_array_append_new(list, json_stringn(hex, 2 * n));
    }
    free(frame);
    free(hex);
    if (p)
        rpc_reply_either(r, params, list);
    else
        json_decref(list);
}
