/* SPDX-License-Identifier: Apache-2.0 */
/* test_meter_text.c - meters as text: read, written, read again; each mistake's sentence. */
#include "openflow/meter_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"

#define COUNT(a_) (sizeof(a_) / sizeof *(a_))

static bool rewrite(struct str *s, const char *text, enum ofp_meter_mod_command cmd, struct errbuf *e)
{
    struct ofp_meter_mod mm;
    struct arena a;
    int err;

    e->text[0] = '\0';
    str_reset(s);
    arena_init(&a);
    err = meter_text_parse(&mm, &a, text, cmd, e);
    if (!err)
        meter_text_print_mod(s, &mm);
    arena_fini(&a);
    return !err;
}

static const struct {
    enum ofp_meter_mod_command cmd;
    const char *in, *out; /* out NULL: as `in` */
} cases[] = {
    { OFPMC_ADD,
      "meter=3 kbps burst stats bands=\ntype=drop rate=1000 burst_size=200\ntype=dscp_remark rate=500 burst_size=100 prec_level=1",
      NULL },
    { OFPMC_ADD, "meter=3,kbps,bands=type=drop,rate=1000,type=drop,rate=2000",
      "meter=3 kbps bands=\ntype=drop rate=1000\ntype=drop rate=2000" },
    { OFPMC_MODIFY, "meter=3,pktps,band=type=drop,rate=7,band=type=dscp_remark,rate=0x10,prec_level=2",
      "meter=3 pktps bands=\ntype=drop rate=7\ntype=dscp_remark rate=16 prec_level=2" },
    { OFPMC_ADD, "meter=controller,kbps,bands=type=drop,rate=5", "meter=controller kbps bands=\ntype=drop rate=5" },
    { OFPMC_DELETE, "meter=3", NULL },
    { OFPMC_DELETE, "meter=slowpath", NULL },
    { OFPMC_DELETE, "", "meter=all" },
};

static void test_rewrite(void **state)
{
    struct str once, twice;
    struct errbuf e;

    str_init(&once);
    str_init(&twice);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *want = cases[i].out ? cases[i].out : cases[i].in;

        if (!rewrite(&once, cases[i].in, cases[i].cmd, &e) || strcmp(str_text(&once), want) != 0)
            fail_msg("'%s' became '%s' (%s)", cases[i].in, str_text(&once), e.text);
        if (!rewrite(&twice, want, cases[i].cmd, &e) || strcmp(str_text(&twice), want) != 0)
            fail_msg("'%s' became '%s' (%s)", want, str_text(&twice), e.text);
    }
    str_fini(&once);
    str_fini(&twice);
}

static const struct {
    enum ofp_meter_mod_command cmd;
    const char *in, *sentence;
} mistakes[] = {
    { OFPMC_ADD, "kbps,bands=type=drop,rate=5", "the meter needs meter=N" },
    { OFPMC_ADD, "meter=0,kbps,bands=type=drop,rate=5", "meter: there is no meter 0" },
    { OFPMC_ADD, "meter=x,kbps,bands=type=drop,rate=5", "meter: 'x' is not a number from 0 to 4294901760" },
    { OFPMC_ADD, "meter=all,kbps,bands=type=drop,rate=5", "meter: only a deletion can be for all meters" },
    { OFPMC_ADD, "meter=1,bands=type=drop,rate=5", "the meter needs one of the flags kbps and pktps" },
    { OFPMC_ADD, "meter=1,kbps,pktps,bands=type=drop,rate=5", "the meter needs one of the flags kbps and pktps" },
    { OFPMC_ADD, "meter=1,kbps", "the meter needs a band, such as bands=type=drop,rate=1000" },
    { OFPMC_ADD, "meter=1,kbps,bands=", "the meter needs a band, such as bands=type=drop,rate=1000" },
    { OFPMC_ADD, "meter=1,foo,bands=type=drop,rate=5",
      "'foo' is not a word of a meter (meter, kbps, pktps, burst, stats, bands)" },
    { OFPMC_ADD, "meter=1,kbps=1,bands=type=drop,rate=5",
      "'kbps' is not a word of a meter (meter, kbps, pktps, burst, stats, bands)" },
    { OFPMC_ADD, "meter=1,kbps,bands=rate=5", "rate: a band begins with type=drop or type=dscp_remark" },
    { OFPMC_ADD, "meter=1,kbps,bands=type=some,rate=5", "type: 'some' is neither drop nor dscp_remark" },
    { OFPMC_ADD, "meter=1,kbps,bands=type=drop", "a band needs rate=N" },
    { OFPMC_ADD, "meter=1,kbps,bands=type=drop,type=drop,rate=5", "a band needs rate=N" },
    { OFPMC_ADD, "meter=1,kbps,bands=type=drop,rate=x", "rate: 'x' is not a number from 0 to 4294967295" },
    { OFPMC_ADD, "meter=1,kbps,burst,bands=type=drop,rate=5",
      "a band needs burst_size=N, because the meter has the flag burst" },
    { OFPMC_ADD, "meter=1,kbps,bands=type=drop,rate=5,burst_size=6", "burst_size: the meter lacks the flag burst" },
    { OFPMC_ADD, "meter=1,kbps,bands=type=dscp_remark,rate=5", "a band of type dscp_remark needs prec_level=N" },
    { OFPMC_ADD, "meter=1,kbps,bands=type=drop,rate=5,prec_level=1",
      "prec_level: only a band of type dscp_remark has one" },
    { OFPMC_ADD, "meter=1,kbps,bands=type=drop,rate=5,foo=1",
      "'foo' is not a word of a meter's band (type, rate, burst_size, prec_level)" },
    { OFPMC_ADD, "meter=1,kbps,bands=type=drop,rate=5,foo(", "foo(: the parenthesis is not closed" },
    { OFPMC_DELETE, "meter=1,kbps", "'kbps' cannot be said here, only meter" },
    { OFPMC_DELETE, "meter=1,bands=type=drop", "'bands' cannot be said here, only meter" },
};

static void test_mistakes(void **state)
{
    struct str s;
    struct errbuf e;

    str_init(&s);
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        if (rewrite(&s, mistakes[i].in, mistakes[i].cmd, &e))
            fail_msg("'%s' became '%s'", mistakes[i].in, str_text(&s));
        if (strcmp(e.text, mistakes[i].sentence) != 0)
            fail_msg("'%s': '%s'", mistakes[i].in, e.text);
    }
    str_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rewrite), cmocka_unit_test(test_mistakes) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
