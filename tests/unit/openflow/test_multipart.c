/* SPDX-License-Identifier: Apache-2.0 */
/* test_multipart.c - long replies come out as messages that decode, in order, all but the last with MORE. */
#include "openflow/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Takes one message off the front of `p`; returns its length. */
static size_t check_message(const uint8_t *p, size_t n, uint64_t *next_cookie, bool *has_more)
{
    struct ofp_header h;
    struct ofp_msg m;
    struct ofp_err e;
    struct arena a;

    arena_init(&a);
    assert_true(ofp_header_read(&h, p, n));
    assert_in_range(h.length, 16, n);
    assert_int_equal(ofp_decode(&m, &a, p, h.length, &e), 0);
    assert_int_equal(m.type, OFPT_MULTIPART_REPLY);
    assert_int_equal(m.xid, 77);
    assert_int_equal(m.multipart_reply.type, OFPMP_FLOW);
    for (size_t i = 0; i < m.multipart_reply.flow.n_flows; i++) {
        const struct ofp_flow_stats *f = &m.multipart_reply.flow.flows[i];

        assert_int_equal(f->cookie, (*next_cookie)++);
        assert_int_equal(f->n_instructions, 1);
        assert_int_equal(f->instructions[0].goto_table.table_id, 3);
    }
    *has_more = m.multipart_reply.flags & OFPMPF_REPLY_MORE;
    arena_fini(&a);
    return h.length;
}

static void streams_flows(void **state)
{
    struct ofp_instruction go = { .type = OFPIT_GOTO_TABLE, .goto_table = { 3 } };
    struct ofp_flow_stats f = { .table_id = 2 };
    struct wr w, encoded;
    struct ofp_mp mp;
    uint64_t cookie = 0;
    bool has_more = true;
    size_t n_messages = 0;

    (void)state;
    wr_init(&w);
    wr_init(&encoded);
    ofp_instructions_encode(&encoded, 4, &go, 1);
    ofp_mp_begin(&mp, &w, 4, 77, OFPMP_FLOW);
    for (f.cookie = 0; f.cookie < 5000; f.cookie++) {
        f.instructions = &go;
        f.n_instructions = f.cookie % 2;
        if (f.n_instructions)
            ofp_mp_add_flow(&mp, &f);
        else
            ofp_mp_add_flow_encoded(&mp, &f, encoded.p, encoded.len);
        if (f.cookie % 1000 != 999)
            continue;
        while (ofp_mp_ready(&mp)) {
            ofp_mp_sent(&mp, check_message(w.p, ofp_mp_ready(&mp), &cookie, &has_more));
            assert_true(has_more);
            n_messages++;
        }
    }
    ofp_mp_end(&mp);
    assert_false(w.bad);
    while (ofp_mp_ready(&mp)) {
        assert_true(has_more);
        ofp_mp_sent(&mp, check_message(w.p, ofp_mp_ready(&mp), &cookie, &has_more));
        n_messages++;
    }
    assert_false(has_more);
    assert_int_equal(cookie, 5000);
    assert_int_equal(n_messages, 5); /* 1023 flows of 64 bytes in each */
    wr_fini(&encoded);
    wr_fini(&w);
}

static void empty_reply(void **state)
{
    struct wr w;
    struct ofp_mp mp;
    uint64_t cookie = 0;
    bool has_more;

    (void)state;
    wr_init(&w);
    ofp_mp_begin(&mp, &w, 4, 77, OFPMP_FLOW);
    ofp_mp_end(&mp);
    assert_int_equal(ofp_mp_ready(&mp), 16);
    assert_int_equal(check_message(w.p, w.len, &cookie, &has_more), 16);
    assert_false(has_more);
    wr_fini(&w);
}

static void refuses_other_elements(void **state)
{
    struct ofp_port port = { .port_no = 1 };
    struct wr w;
    struct ofp_mp mp;

    (void)state;
    wr_init(&w);
    ofp_mp_begin(&mp, &w, 4, 77, OFPMP_FLOW);
    ofp_mp_add_port(&mp, &port);
    assert_true(w.bad);
    wr_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_flows),
        cmocka_unit_test(empty_reply),
        cmocka_unit_test(refuses_other_elements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
