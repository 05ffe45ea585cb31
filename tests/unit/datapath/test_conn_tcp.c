/* SPDX-License-Identifier: Apache-2.0 */
/* test_conn_tcp.c - TCP followed from outside, segment by segment.  A case is a list of lines: who sends (c, s), flags,
 * sequence number, acknowledgement, bytes of data, window, scale (-1: no option), and what is to be said of it: v(alid),
 * i(nvalid), a(gain).  Numbers of either side count from its SYN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "datapath/conn_tcp.h"

enum { LINES_MAX = 16, CLIENT = 0x7ffffff0, SERVER = 0xfffffff0 }; /* both go round, each in its own way */

struct line {
    char who;
    const char *flags;
    int seq, ack, len, window, scale;
    char want;
};

struct scenario {
    const char *name;
    struct line line[LINES_MAX];
    enum tcp_state client, server; /* at the end */
};

#define OPEN_UP \
    { 'c', "S", 0, 0, 0, 1000, 2, 'v' }, { 's', "SA", 0, 1, 0, 2000, 3, 'v' }, \
    { \
        'c', "A", 1, 1, 0, 1000, -1, 'v' \
    }

static const struct scenario scenarios[] = {
    { "opens", { OPEN_UP }, TCP_STATE_OPEN, TCP_STATE_OPEN },
    { "SYN again, and its answer again",
      { { 'c', "S", 0, 0, 0, 1000, 2, 'v' },
        { 'c', "S", 0, 0, 0, 1000, 2, 'v' },
        { 's', "SA", 0, 1, 0, 2000, 3, 'v' },
        { 's', "SA", 0, 1, 0, 2000, 3, 'v' },
        { 'c', "A", 1, 1, 0, 1000, -1, 'v' } },
      TCP_STATE_OPEN,
      TCP_STATE_OPEN },
    { "RFC 9293, figure 7: both send a SYN at once",
      { { 'c', "S", 0, 0, 0, 1000, -1, 'v' },
        { 's', "S", 0, 0, 0, 1000, -1, 'v' },
        { 'c', "SA", 0, 1, 0, 1000, -1, 'v' },
        { 's', "SA", 0, 1, 0, 1000, -1, 'v' } },
      TCP_STATE_OPEN,
      TCP_STATE_OPEN },
    { "an answer must acknowledge the SYN",
      { { 'c', "S", 0, 0, 0, 1000, -1, 'v' },
        { 's', "SA", 0, 2, 0, 1000, -1, 'i' },
        { 's', "SA", 0, 0, 0, 1000, -1, 'i' } },
      TCP_STATE_SYN_SENT,
      TCP_STATE_NONE },
    { "an answer has a SYN",
      { { 'c', "S", 0, 0, 0, 1000, -1, 'v' }, { 's', "A", 1, 1, 0, 1000, -1, 'i' } },
      TCP_STATE_SYN_SENT,
      TCP_STATE_NONE },
    { "refused: the reset acknowledges the SYN",
      { { 'c', "S", 0, 0, 0, 1000, -1, 'v' }, { 's', "RA", 0, 7, 0, 0, -1, 'i' }, { 's', "RA", 0, 1, 0, 0, -1, 'v' } },
      TCP_STATE_RESET,
      TCP_STATE_RESET },
    { "windows are scaled",
      { OPEN_UP, { 's', "PA", 1, 1, 4000, 2000, -1, 'v' }, { 's', "PA", 4001, 1, 1, 2000, -1, 'v' } },
      TCP_STATE_OPEN,
      TCP_STATE_OPEN },
    { "nothing behind the window but the byte that asks whether it is open",
      { OPEN_UP,
        { 's', "PA", 1, 1, 4000, 2000, -1, 'v' },
        { 's', "PA", 4001, 1, 2, 2000, -1, 'i' },
        { 's', "PA", 4001, 1, 1, 2000, -1, 'v' } },
      TCP_STATE_OPEN,
      TCP_STATE_OPEN },
    { "the answer does not scale: neither does",
      { { 'c', "S", 0, 0, 0, 1000, 7, 'v' },
        { 's', "SA", 0, 1, 0, 2000, -1, 'v' },
        { 'c', "A", 1, 1, 0, 1000, -1, 'v' },
        { 's', "PA", 1, 1, 1500, 2000, -1, 'i' },
        { 's', "PA", 1, 1, 1000, 2000, -1, 'v' } },
      TCP_STATE_OPEN,
      TCP_STATE_OPEN },
    { "what was not sent cannot be acknowledged",
      { OPEN_UP, { 'c', "A", 1, 2, 0, 1000, -1, 'i' } },
      TCP_STATE_OPEN,
      TCP_STATE_OPEN },
    { "lost and sent again, in any order",
      { OPEN_UP,
        { 'c', "PA", 101, 1, 100, 1000, -1, 'v' },
        { 'c', "PA", 1, 1, 100, 1000, -1, 'v' },
        { 's', "A", 1, 201, 0, 2000, -1, 'v' },
        { 'c', "PA", 1, 1, 100, 1000, -1, 'v' } },
      TCP_STATE_OPEN,
      TCP_STATE_OPEN },
    { "far away",
      { OPEN_UP, { 'c', "PA", 1 << 30, 1, 10, 1000, -1, 'i' }, { 'c', "PA", -(1 << 30), 1, 10, 1000, -1, 'i' } },
      TCP_STATE_OPEN,
      TCP_STATE_OPEN },
    { "FIN of both",
      { OPEN_UP,
        { 'c', "FA", 1, 1, 0, 1000, -1, 'v' },
        { 's', "FA", 1, 2, 0, 2000, -1, 'v' },
        { 'c', "A", 2, 2, 0, 1000, -1, 'v' } },
      TCP_STATE_FIN_ACKED,
      TCP_STATE_FIN_ACKED },
    { "half closed, and data the other way",
      { OPEN_UP,
        { 'c', "FA", 1, 1, 0, 1000, -1, 'v' },
        { 's', "A", 1, 2, 0, 2000, -1, 'v' },
        { 's', "PA", 1, 2, 500, 2000, -1, 'v' },
        { 'c', "A", 2, 501, 0, 1000, -1, 'v' } },
      TCP_STATE_FIN_ACKED,
      TCP_STATE_OPEN },
    { "the ports are used again",
      { OPEN_UP,
        { 'c', "FA", 1, 1, 0, 1000, -1, 'v' },
        { 's', "FA", 1, 2, 0, 2000, -1, 'v' },
        { 'c', "A", 2, 2, 0, 1000, -1, 'v' },
        { 'c', "S", 90000, 0, 0, 1000, -1, 'a' } },
      TCP_STATE_FIN_ACKED,
      TCP_STATE_FIN_ACKED },
    { "RFC 5961, 3.2: a reset that is not exact is challenged, and changes nothing",
      { OPEN_UP,
        { 's', "RA", 100, 1, 0, 0, -1, 'v' },
        { 'c', "A", 1, 1, 0, 1000, -1, 'v' },
        { 's', "RA", 1 << 30, 1, 0, 0, -1, 'i' } },
      TCP_STATE_OPEN,
      TCP_STATE_OPEN },
    { "RFC 5961, 3.2: an exact one ends it",
      { OPEN_UP, { 's', "RA", 1, 1, 0, 0, -1, 'v' } },
      TCP_STATE_RESET,
      TCP_STATE_RESET },
    { "RFC 5961, 4.2: a SYN within is challenged; the reset that answers the challenge ends it",
      { OPEN_UP,
        { 'c', "S", 777777, 0, 0, 1000, -1, 'v' },
        { 's', "A", 1, 1, 0, 2000, -1, 'v' },
        { 'c', "R", 1, 0, 0, 0, -1, 'v' } },
      TCP_STATE_RESET,
      TCP_STATE_RESET },
    { "odd flags",
      { OPEN_UP,
        { 'c', "SF", 1, 1, 0, 1000, -1, 'i' },
        { 'c', "SR", 1, 1, 0, 1000, -1, 'i' },
        { 'c', "F", 1, 1, 0, 1000, -1, 'i' },
        { 'c', "", 1, 1, 0, 1000, -1, 'i' } },
      TCP_STATE_OPEN,
      TCP_STATE_OPEN },
    { "taken up in its midst",
      { { 'c', "PA", 500, 700, 100, 50, -1, 'v' },
        { 's', "A", 700, 600, 0, 60, -1, 'v' },
        { 's', "PA", 700, 600, 50000, 60, -1, 'v' },
        { 'c', "A", 600, 50700, 0, 50, -1, 'v' } },
      TCP_STATE_OPEN,
      TCP_STATE_OPEN },
};

static struct tcp_segment segment_of(const struct line *l)
{
    bool is_client = l->who == 'c';
    struct tcp_segment s = {
        .seq = (is_client ? CLIENT : SERVER) + (uint32_t)l->seq,
        .ack = (is_client ? SERVER : CLIENT) + (uint32_t)l->ack,
        .len = (uint32_t)l->len,
        .window = (uint16_t)l->window,
        .scale = (int8_t)l->scale,
    };

    for (const char *f = l->flags; *f; f++)
        s.flags |= *f == 'S' ? TCP_SYN : *f == 'A' ? TCP_ACK : *f == 'F' ? TCP_FIN : *f == 'R' ? TCP_RST : TCP_PSH;
    return s;
}

static void test_scenarios(void **state)
{
    static const char verdicts[] = { [TCP_VALID] = 'v', [TCP_INVALID] = 'i', [TCP_AGAIN] = 'a' };

    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        const struct scenario *sc = &scenarios[i];
        struct conn_tcp t = { 0 };

        for (const struct line *l = sc->line; l->who; l++) {
            struct tcp_segment s = segment_of(l);
            char got = 'v';

            if (l == sc->line) {
                assert_true(tcp_may_begin(&s));
                tcp_begin(&t, &s);
            } else {
                got = verdicts[tcp_update(&t, l->who == 's', &s)];
            }
            if (got != l->want)
                fail_msg("%s: line %d: wanted %c, got %c", sc->name, (int)(l - sc->line) + 1, l->want, got);
        }
        if (t.side[0].state != sc->client || t.side[1].state != sc->server)
            fail_msg("%s: ends as %s and %s", sc->name, tcp_state_name(t.side[0].state),
                     tcp_state_name(t.side[1].state));
    }
}

static void test_what_may_begin(void **state)
{
    static const struct {
        uint8_t flags;
        bool may;
    } cases[] = { { TCP_SYN, true },
                  { TCP_ACK, true },
                  { TCP_ACK | TCP_PSH, true },
                  { TCP_FIN | TCP_ACK, true },
                  { TCP_SYN | TCP_ACK, false },
                  { TCP_RST, false },
                  { TCP_RST | TCP_ACK, false },
                  { TCP_SYN | TCP_FIN, false },
                  { 0, false },
                  { TCP_FIN, false } };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tcp_may_begin(&(struct tcp_segment){ .flags = cases[i].flags }), cases[i].may);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_scenarios), cmocka_unit_test(test_what_may_begin) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
