/* SPDX-License-Identifier: Apache-2.0 */
/* test_group_text.c - groups as text: read, written, read again; each mistake's sentence. */
#include "openflow/group_text.h"

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

static bool rewrite(struct str *s, const char *text, enum ofp_group_mod_command cmd, struct errbuf *e)
{
    struct ofp_group_mod gm;
    struct arena a;
    int err;

    e->text[0] = '\0';
    str_reset(s);
    arena_init(&a);
    err = group_text_parse(&gm, &a, text, cmd, NULL, e);
    if (!err)
        group_text_print_mod(s, &gm, NULL);
    arena_fini(&a);
    return !err;
}

static const struct {
    enum ofp_group_mod_command cmd;
    const char *in, *out; /* out NULL: as `in` */
} cases[] = {
    { OFPGC_ADD,
      "group_id=7,type=select,bucket=weight:5,watch_port:1,actions=output:1,output:2,bucket=weight:0,actions=output:3",
      NULL },
    { OFPGC_ADD, "group_id=7 type=select bucket=weight:1,watch_port=LOCAL,output:1 bucket=dec_ttl,2",
      "group_id=7,type=select,bucket=watch_port:LOCAL,actions=output:1,bucket=actions=dec_ttl,output:2" },
    { OFPGC_ADD, "group_id=8,type=ff,bucket=watch_port:1,actions=output:1,bucket=watch_group:9,actions=group:9", NULL },
    { OFPGC_MODIFY, "group_id=8,type=fast_failover,buckets=watch_port:1,actions=",
      "group_id=8,type=ff,bucket=watch_port:1,actions=drop" },
    { OFPGC_ADD, "group_id=4294967040,type=all", NULL },
    { OFPGC_ADD, "group_id=3,type=indirect,bucket=actions=pop_vlan,set_field:01:02:03:04:05:06->eth_dst,output:5",
      NULL },
    { OFPGC_DELETE, "group_id=3", NULL },
    { OFPGC_DELETE, "group_id=all", NULL },
    { OFPGC_DELETE, "", "group_id=all" },
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
    enum ofp_group_mod_command cmd;
    const char *in, *sentence;
} mistakes[] = {
    { OFPGC_ADD, "type=all", "the group needs group_id=N" },
    { OFPGC_ADD, "group_id=1", "the group needs type=all, select, indirect or ff" },
    { OFPGC_ADD, "group_id=x,type=all", "group_id: 'x' is not a number from 0 to 4294967040" },
    { OFPGC_ADD, "group_id=all,type=all", "group_id: 'all' is not a number from 0 to 4294967040" },
    { OFPGC_ADD, "group_id=1,type=some", "type: 'some' is none of all, select, indirect, ff" },
    { OFPGC_ADD, "group_id=1,type=all,foo=2", "'foo' is not a word of a group (group_id, type, bucket)" },
    { OFPGC_ADD, "group_id=1,type=all,bucket=weight:2,actions=drop",
      "weight: only the buckets of a select group have one" },
    { OFPGC_ADD, "group_id=1,type=select,bucket=weight:70000,actions=drop",
      "weight: '70000' is not a number from 0 to 65535" },
    { OFPGC_ADD, "group_id=1,type=ff,bucket=watch_port:x,actions=drop",
      "watch_port: 'x' is not a port number or name" },
    { OFPGC_ADD, "group_id=1,type=ff,bucket=watch_group:x,actions=drop",
      "watch_group: 'x' is not a number from 0 to 4294967295" },
    { OFPGC_ADD, "group_id=1,type=ff,bucket=bucket_id:1,actions=drop", "bucket_id is not in OpenFlow 1.3" },
    { OFPGC_ADD, "group_id=1,type=ff,bucket=watch_port:1",
      "a bucket has no actions; end it with actions=..., if need be with actions=drop" },
    { OFPGC_ADD,
      "group_id=1,type=all,bucket=", "a bucket has no actions; end it with actions=..., if need be with actions=drop" },
    { OFPGC_ADD, "group_id=1,type=all,bucket=actions=foo,bucket=actions=1", "'foo' is not an action" },
    { OFPGC_ADD, "group_id=1,type=all,bucket=actions=1,bucket=goto_table:1",
      "goto_table is an instruction, but only actions can be here" },
    { OFPGC_ADD, "group_id=1,type=all,bucket=output:(", "'output:(' opens a parenthesis that is not closed" },
    { OFPGC_ADD, "group_id=1,type=indirect", "a group of type indirect has one bucket, not 0" },
    { OFPGC_DELETE, "group_id=1,type=all", "'type' cannot be said here, only group_id" },
    { OFPGC_DELETE, "group_id=1,bucket=1", "'bucket' cannot be said here, only group_id" },
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
