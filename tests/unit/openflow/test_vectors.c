/* SPDX-License-Identifier: Apache-2.0 */
/* test_vectors.c - bytes written down by hand from the specification: what they mean, and which error each fault is. */
#include "openflow/ofp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_BYTES = 256 };

/* "04 00 0008 ..." */
static size_t unhex(const char *text, uint8_t out[MAX_BYTES])
{
    size_t n = 0;

    while (*text) {
        char pair[3] = { text[0], text[1], 0 };

        if (*text == ' ') {
            text++;
            continue;
        }
        assert_in_range(n, 0, MAX_BYTES - 1);
        out[n++] = (uint8_t)strtoul(pair, NULL, 16);
        text += 2;
    }
    return n;
}

#define FLOW_MOD_FIXED "0000000000000005 0000000000000006 02 00 0007 0008 0009 ffffffff ffffffff ffffffff 0001 0000 "
#define NO_MATCH "0001 0004 00000000 "

static const struct {
    const char *bytes, *text;
} good[] = {
    { "04 00 0010 00000011 0001 0008 00000012", "hello{version=4 xid=0x11 elements=[versionbitmap{bitmaps=[0x12]}]}" },
    { "06 00 0008 00000012", "hello{version=6 xid=0x12 elements=[]}" },
    { "01 00 000a 00000013 abcd", NULL }, /* an old hello's contents are ignored */
    { "04 01 0010 00000014 0001 0006 04000001", NULL },
    { "04 01 0010 00000015 ffff 0007 00002320",
      "error{version=4 xid=0x15 type=experimenter code=7 experimenter=0x2320 data=}" },
    { "04 06 0020 00000016 0000aabbccddeeff 00000100 fe 01 0000 00000047 00000000",
      "features_reply{version=4 xid=0x16 datapath_id=0xaabbccddeeff n_buffers=256 n_tables=254 auxiliary_id=1 "
      "capabilities=flow_stats|table_stats|port_stats|queue_stats reserved=0}" },
    { "04 09 000c 00000017 0001 0080", "set_config{version=4 xid=0x17 flags=drop miss_send_len=128}" },
    { "04 0e 0048 00000018 " FLOW_MOD_FIXED "0001 000c 80000004 00000003 00000000 0001 0008 04000000",
      "flow_mod{version=4 xid=0x18 cookie=0x5 cookie_mask=0x6 table_id=2 command=add idle_timeout=7 hard_timeout=8 priority=9 "
      "buffer_id=no_buffer out_port=any out_group=any flags=send_flow_rem match={in_port=3} "
      "instructions=[goto_table{table_id=4}]}" },
    { "04 0d 0030 00000019 ffffffff fffffffd 0010 000000000000 0000 0010 fffffffb 0000 000000000000 cafe0102 03040506",
      "packet_out{version=4 xid=0x19 buffer_id=no_buffer in_port=controller actions=[output{port=flood max_len=0}] "
      "data=cafe010203040506}" },
    { "04 0f 0030 0000001a 0000 01 00 00000021 0020 0022 ffffffff ffffffff 00000000 0000 0010 00000023 0000 000000000000",
      "group_mod{version=4 xid=0x1a command=add type=select group_id=33 buckets=[{weight=34 watch_port=any watch_group=any "
      "actions=[output{port=35 max_len=0}]}]}" },
    { "04 1d 0020 0000001b 0001 0001 00000005 0002 0010 000003e8 00000064 02 000000",
      "meter_mod{version=4 xid=0x1b command=modify flags=kbps meter_id=5 bands=[dscp_remark{rate=1000 burst_size=100 "
      "prec_level=2}]}" },
    { "04 12 0018 0000001c 0004 0000 00000000 ffffffff 00000000",
      "multipart_request{version=4 xid=0x1c port_stats{flags=0 port_no=any}}" },
    { "04 18 0018 0000001d 00000002 00000000 0000000000000009",
      "role_request{version=4 xid=0x1d role=master generation_id=0x9}" },
};

static void means(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint8_t bytes[MAX_BYTES];
        size_t n = unhex(good[i].bytes, bytes);
        struct arena a;
        struct ofp_msg m;
        struct ofp_err e;
        struct str s = { 0 };
        struct wr w;

        arena_init(&a);
        wr_init(&w);
        if (ofp_decode(&m, &a, bytes, n, &e))
            fail_msg("case %zu: error %u/%u", i, e.type, e.code);
        if (good[i].text) {
            ofp_print(&s, &m);
            assert_string_equal(str_text(&s), good[i].text);
        }
        ofp_encode(&w, &m);
        assert_false(w.bad);
        if (m.version == 4) {
            assert_int_equal(w.len, n);
            assert_memory_equal(w.p, bytes, n);
        }
        str_fini(&s);
        wr_fini(&w);
        arena_fini(&a);
    }
}

#define FLOW_MOD(len_, rest_) "04 0e " len_ " 00000018 " FLOW_MOD_FIXED rest_

static const struct {
    const char *bytes, *error;
} bad[] = {
    { "", "OFPBRC_BAD_LEN" },
    { "04 02 0008", "OFPBRC_BAD_LEN" },
    { "04 02 000c 00000001", "OFPBRC_BAD_LEN" },
    { "04 05 000c 00000001 00000000", "OFPBRC_BAD_LEN" },
    { "07 05 0008 00000001", "OFPBRC_BAD_VERSION" },
    { "04 1e 0008 00000001", "OFPBRC_BAD_TYPE" },
    { "04 12 0010 00000001 00ff 0000 00000000", "OFPBRC_BAD_MULTIPART" },
    { "04 12 0010 00000001 0004 0000 00000000", "OFPBRC_BAD_LEN" },
    { "04 18 0018 00000001 00000004 00000000 0000000000000009", "OFPRRFC_BAD_ROLE" },
    { FLOW_MOD("0038", "0000 0004 00000000"), "OFPBMC_BAD_TYPE" },
    { FLOW_MOD("0038", "0001 0003 00000000"), "OFPBMC_BAD_LEN" },
    { FLOW_MOD("0038", "0001 0009 00000000"), "OFPBMC_BAD_LEN" },
    { FLOW_MOD("0040", "0001 000c 80000004 00000003 0000"), "OFPBRC_BAD_LEN" }, /* the header lies about its length */
    { FLOW_MOD("0040", "0001 000c 80000008 00000003 00000000"), "OFPBMC_BAD_LEN" },
    { FLOW_MOD("0040", "0001 000c 80000003 00000003 00000000"), "OFPBMC_BAD_LEN" },
    { FLOW_MOD("0040", "0001 000c 8000fe04 00000003 00000000"), "OFPBMC_BAD_FIELD" },
    { FLOW_MOD("0040", "0001 000c 80001004 00000003 00000000"), "OFPBMC_BAD_LEN" },
    { FLOW_MOD("0040", "0001 0009 80001001 40 00000000000000"), "OFPBMC_BAD_VALUE" },
    { FLOW_MOD("0040", "0001 000a 80001102 01ff 000000000000"), "OFPBMC_BAD_MASK" },
    { FLOW_MOD("0040", "0001 000a 80001502 0304 000000000000"), "OFPBMC_BAD_WILDCARDS" },
    { FLOW_MOD("0048", "0001 0014 80000004 00000003 80000004 00000003 00000000"), "OFPBMC_DUP_FIELD" },
    { FLOW_MOD("0040", NO_MATCH "0007 0008 00000000"), "OFPBIC_UNKNOWN_INST" },
    { FLOW_MOD("0040", NO_MATCH "0001 0000 00000000"), "OFPBIC_BAD_LEN" },
    { FLOW_MOD("0040", NO_MATCH "0001 000c 00000000"), "OFPBIC_BAD_LEN" },
    { FLOW_MOD("0048", NO_MATCH "0001 0010 00000000 00000000 00000000"), "OFPBIC_BAD_LEN" },
    { FLOW_MOD("0048", NO_MATCH "0004 0010 00000000 0001 0008 00000000"), "OFPBAC_BAD_TYPE" },
    { FLOW_MOD("0048", NO_MATCH "0004 0010 00000000 0000 0008 00000000"), "OFPBAC_BAD_LEN" },
    { FLOW_MOD("0048", NO_MATCH "0004 0010 00000000 0012 0007 00000000"), "OFPBAC_BAD_LEN" },
    { FLOW_MOD("0050", NO_MATCH "0004 0018 00000000 0019 0010 8000fe04 00000001 00000000"), "OFPBAC_BAD_SET_TYPE" },
    { FLOW_MOD("0050", NO_MATCH "0004 0018 00000000 0019 0010 80004e02 0008 000000000000"), "OFPBAC_BAD_SET_TYPE" },
    { FLOW_MOD("0050", NO_MATCH "0004 0018 00000000 0019 0010 80001001 40 00000000000000"), "OFPBAC_BAD_SET_ARGUMENT" },
    { FLOW_MOD("0050", NO_MATCH "0004 0018 00000000 0019 0010 80001002 0102 000000000000"), "OFPBAC_BAD_SET_LEN" },
    { "04 0f 0010 00000001 0007 00 00 00000021", "OFPGMFC_BAD_COMMAND" },
    { "04 0f 0010 00000001 0000 09 00 00000021", "OFPGMFC_BAD_TYPE" },
    { "04 0f 0018 00000001 0000 00 00 00000021 0018 0000 00000000", "OFPGMFC_BAD_BUCKET" },
    { "04 1d 0010 00000001 0007 0001 00000005", "OFPMMFC_BAD_COMMAND" },
    { "04 1d 0010 00000001 0000 0100 00000005", "OFPMMFC_BAD_FLAGS" },
    { "04 1d 0020 00000001 0000 0001 00000005 0009 0010 00000001 00000002 00000000", "OFPMMFC_BAD_BAND" },
    { "04 0d 0018 00000001 ffffffff 00000001 0008 000000000000", "OFPBRC_BAD_LEN" },
    { "04 12 0018 00000001 000c 0000 00000000 0004 0000 00000000", "OFPTFFC_BAD_LEN" },
};

static void faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t bytes[MAX_BYTES];
        size_t n = unhex(bad[i].bytes, bytes);
        struct arena a;
        struct ofp_msg m;
        struct ofp_err e = { 0 };
        const char *got;
        char name[64];

        arena_init(&a);
        assert_int_equal(ofp_decode(&m, &a, bytes, n, &e), -EBADMSG);
        got = ofp_err_name(e.type, e.code, name);
        if (!got || strcmp(got, bad[i].error))
            fail_msg("case %zu: want %s, got %s", i, bad[i].error, got ? got : "none");
        arena_fini(&a);
    }
}

static void error_names(void **state)
{
    uint16_t type = 0, code = 0;
    char name[64];

    (void)state;
    for (size_t t = 0; t < n_ofp_error_codes; t++) {
        for (size_t c = 0; c < ofp_error_codes[t].codes->n_values; c++) {
            uint16_t want = (uint16_t)ofp_error_codes[t].codes->values[c].value;

            assert_true(ofp_err_find(ofp_err_name(ofp_error_codes[t].type, want, name), &type, &code));
            assert_int_equal(type, ofp_error_codes[t].type);
            assert_int_equal(code, want);
        }
    }
    assert_false(ofp_err_find("OFPBRC_", &type, &code));
    assert_null(ofp_err_name(1, 99, name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means),
        cmocka_unit_test(faults),
        cmocka_unit_test(error_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
