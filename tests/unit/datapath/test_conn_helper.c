/* SPDX-License-Identifier: Apache-2.0 */
/* test_conn_helper.c - lines of FTP that announce an address and a port, and those that look like it (RFC 959, 2428). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "datapath/conn_helper.h"

struct line {
    const char *text;
    bool is_reply;
    const char *said; /* the bytes that say it; NULL: nothing is announced */
    uint8_t family;
    uint16_t port;
    uint64_t low; /* of the address */
};

static const struct line lines[] = {
    { "PORT 10,0,0,1,19,137\r\n", false, "10,0,0,1,19,137", 4, 5001, 0x0a000001 },
    { "port 1,2,3,4,0,1\n", false, "1,2,3,4,0,1", 4, 1, 0x01020304 },
    { "NOOP\r\nPORT 1,2,3,4,0,1\r\n", false, "1,2,3,4,0,1", 4, 1, 0x01020304 },
    { "EPRT |1|10.0.0.1|5001|\r\n", false, "|1|10.0.0.1|5001|", 4, 5001, 0x0a000001 },
    { "EPRT |2|2001:db8::1|5001|\r\n", false, "|2|2001:db8::1|5001|", 6, 5001, 1 },
    { "eprt !2!::!65535!\r\n", false, "!2!::!65535!", 6, 65535, 0 },
    { "227 Entering Passive Mode (192,0,2,9,200,10).\r\n", true, "192,0,2,9,200,10", 4, 51210, 0xc0000209 },
    { "229 Entering Extended Passive Mode (|||51210|)\r\n", true, "|||51210|", 0, 51210, 0 },
    { "150 ok\r\n229 (|||1|)\r\n", true, "|||1|", 0, 1, 0 },

    { "PORT 10,0,0,1,19,137", false, NULL }, /* may go on in the next segment */
    { "PORT 10,0,0,1,19,137\r\n", true, NULL },
    { "227 (192,0,2,9,200,10)\r\n", false, NULL },
    { "PORT 10,0,0,1,19,256\r\n", false, NULL },
    { "PORT 10,0,0,1,19\r\n", false, NULL },
    { "PORT 10,0,0,1,0,0\r\n", false, NULL },
    { "PORT  10,0,0,1,19,137\r\n", false, NULL },
    { "PORT 10,0,0,1,19,1370000000000\r\n", false, NULL },
    { "PORT -1,0,0,1,19,137\r\n", false, NULL },
    { "XPORT 10,0,0,1,19,137\r\n", false, NULL },
    { "EPRT |3|10.0.0.1|5001|\r\n", false, NULL },
    { "EPRT |1|2001:db8::1|5001|\r\n", false, NULL },
    { "EPRT |1|10.0.0.1|5001\r\n", false, NULL },
    { "EPRT |1|10.0.0.1|0|\r\n", false, NULL },
    { "EPRT |1|10.0.0.1|65536|\r\n", false, NULL },
    { "EPRT 111111\r\n", false, NULL },
    { "EPRT |1||5001|\r\n", false, NULL },
    { "EPRT |2|1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc|5001|\r\n", false, NULL },
    { "227 192,0,2,9,200,10\r\n", true, NULL },
    { "227 (192,0,2,9,200,10\r\n", true, NULL },
    { "229 (|||51210|\r\n", true, NULL },
    { "229 (|1|10.0.0.1|51210|)\r\n", true, NULL },
    { "2290 (|||51210|)\r\n", true, NULL },
    { "", false, NULL },
    { "\n\n\n", true, NULL },
};

static void test_lines(void **state)
{
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const struct line *l = &lines[i];
        struct ftp_announced said;
        size_t n = strlen(l->text);
        char *text = malloc(n ? n : 1); /* no more than that is read */

        memcpy(text, l->text, n);
        if (ftp_parse(text, n, l->is_reply, &said) != (l->said != NULL))
            fail_msg("'%s' announces %s", l->text, l->said ? "nothing" : "something");
        if (l->said) {
            assert_int_equal(said.n, strlen(l->said));
            assert_memory_equal(text + said.at, l->said, said.n);
            assert_int_equal(said.family, l->family);
            assert_int_equal(said.port, l->port);
            assert_int_equal(said.addr.lo, l->low);
        }
        free(text);
    }
}

static void test_segment_numbers(void **state)
{
    struct conn c = { .shift = { [CONN_ORIGINAL] = { .at = 1000, .after = 4, .last = 4 },
                                 [CONN_REPLY] = { .at = UINT32_MAX - 1, .after = -3, .last = -5 } } };
    struct tcp_segment s = { .seq = 1000, .ack = 500, .flags = TCP_ACK };
    struct conn_moves m = conn_helper_segment(&c, CONN_ORIGINAL, &s);

    assert_int_equal(m.seq, 0);   /* the segment that grew */
    assert_int_equal(s.ack, 503); /* behind what shrank, across zero */
    s = (struct tcp_segment){ .seq = 1001, .flags = 0, .ack = 77 };
    m = conn_helper_segment(&c, CONN_ORIGINAL, &s);
    assert_int_equal(m.seq, 4);
    assert_int_equal(s.ack, 77); /* it says nothing */
    s = (struct tcp_segment){ .seq = 5, .ack = 1030, .flags = TCP_ACK };
    m = conn_helper_segment(&c, CONN_REPLY, &s);
    assert_int_equal(m.seq, -3);
    assert_int_equal(s.ack, 1026);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_segment_numbers) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
