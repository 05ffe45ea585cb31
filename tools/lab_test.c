/* SPDX-License-Identifier: Apache-2.0 */
/* lab_test.c - `trama lab test`: tries what a document expects, in a lab that is up, or in one that is built for it and
 * taken away again. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "tools/commands.h"
#include "tools/lab_expect.h"
#include "tools/lab_process.h"
#include "tools/lab_up.h"

struct tally {
    size_t n_passed, n_failed;
    json_t *list; /* NULL: text is wanted */
};

static double seconds(uint64_t ns)
{
    return (double)ns / NSEC_PER_S;
}

/* --- telling --- */

static json_t *strings_json(const struct str *s, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(str_text(&s[i])));
    return list;
}

static json_t *verdict_json(const struct lab_verdict *v, unsigned line)
{
    json_t *failures = json_array();

    for (size_t i = 0; i < v->n_failures; i++)
        json_array_append_new(failures, json_pack("{s:s, s:o}", "what", str_text(&v->failures[i].what), "hints",
                                                  strings_json(v->failures[i].hints, v->failures[i].n_hints)));
    return json_pack("{s:s, s:i, s:b, s:f, s:s, s:o, s:I, s:o}", "expect", str_text(&v->text), "line", (int)line,
                     "passed", v->n_failures == 0, "seconds", seconds(v->time_ns), "note", str_text(&v->note),
                     "failures", failures, "more_failures", (json_int_t)v->n_more, "hints",
                     strings_json(v->all.hints, v->all.n_hints));
}

static void verdict_print(const struct lab_verdict *v)
{
    printf("%s  %s", v->n_failures ? "FAIL" : "pass", str_text(&v->text));
    if (v->note.len)
        printf("  (%s)", str_text(&v->note));
    putchar('\n');
    for (size_t i = 0; i < v->n_failures; i++) {
        printf("        %s\n", str_text(&v->failures[i].what));
        for (size_t k = 0; k < v->failures[i].n_hints; k++)
            printf("          - %s\n", str_text(&v->failures[i].hints[k]));
    }
    if (v->n_more)
        printf("        and %zu more\n", v->n_more);
    for (size_t k = 0; k < v->all.n_hints; k++)
        printf("        - %s\n", str_text(&v->all.hints[k]));
    fflush(stdout);
}

/* --- trying --- */

static int try_all(const struct lab *lab, struct tally *n, struct errbuf *e)
{
    struct lab_trial *t;
    int err = lab_trial_open(&t, lab, e);

    if (err)
        return err;
    for (size_t i = 0; i < lab->doc->n_expects && !err; i++) {
        unsigned line = lab->doc->expects[i].line;
        struct lab_verdict v;

        err = lab_trial_run(t, i, &v, e);
        if (err && err != -EINTR)
            errbuf_prefix(e, "%s:%u: %s", lab->source[0] ? lab->source : lab->name, line, str_text(&v.text));
        if (!err && v.n_failures)
            n->n_failed++;
        else if (!err)
            n->n_passed++;
        if (!err && n->list)
            json_array_append_new(n->list, verdict_json(&v, line));
        else if (!err)
            verdict_print(&v);
        lab_verdict_fini(&v);
    }
    lab_trial_close(t);
    return err;
}

/* The lab that is meant, up: one that was, or one that is built now.  *is_ours: it is to be taken away. */
static int lab_get(struct lab **out, const char *name_or_file, bool *is_ours, struct str *tail, struct errbuf *e)
{
    int err = lab_open(out, name_or_file, NULL);

    *is_ours = err != 0;
    return err ? lab_up(out, name_or_file, NULL, tail, e) : 0;
}

static int finish(struct cli *c, const struct lab *lab, struct tally *n, uint64_t begin_ns)
{
    double s = seconds(clock_now(NULL) - begin_ns);

    if (n->list)
        cli_json(json_pack("{s:s, s:I, s:I, s:f, s:o}", "lab", lab->name, "passed", (json_int_t)n->n_passed, "failed",
                           (json_int_t)n->n_failed, "seconds", s, "expectations", n->list));
    else
        printf("lab %s: %zu passed, %zu failed, in %.1f s\n", lab->name, n->n_passed, n->n_failed, s);
    return n->n_failed ? CLI_FAILED : CLI_OK;
}

static int run_test(struct cli *c)
{
    struct tally n = { .list = c->is_json ? json_array() : NULL };
    struct errbuf e = { { 0 } }, other = { { 0 } };
    uint64_t begin_ns = clock_now(NULL);
    struct str tail = { 0 };
    struct lab *lab;
    bool is_ours;
    int err = lab_get(&lab, cli_arg(c, 0), &is_ours, &tail, &e), code = CLI_FAILED;

    if (err) {
        fprintf(stderr, "%s", str_text(&tail));
        str_fini(&tail);
        json_decref(n.list);
        return cli_fail(CLI_FAILED, "%s", e.text);
    }
    lab_process_catch_interrupts();
    if (!lab->doc->n_expects)
        err = errbuf_set(&e, -ENOENT, "%s expects nothing: it has no `expect:`", lab->source);
    if (!err)
        err = try_all(lab, &n, &e);
    if (is_ours && lab_down(lab->name, &other))
        fprintf(stderr, "trama: %s\n", other.text);
    if (!err)
        code = finish(c, lab, &n, begin_ns);
    else if (err == -EINTR)
        cli_fail(CLI_FAILED, "interrupted%s", is_ours ? "; the lab is taken down" : "");
    else
        cli_fail(CLI_FAILED, "%s", e.text);
    if (err)
        json_decref(n.list);
    lab_close(lab);
    str_fini(&tail);
    return code;
}

const struct cli_command lab_test_commands[] = {
    { "lab test", "LAB", "Tries what a document expects, in its lab", run_test, 1, 1, NULL,
      "LAB is a lab that is up, or the document of one: then it is built, tried, and taken down again.\n"
      "One line for each expectation; for what fails, what is known about the reason.  The exit code is 0 when\n"
      "all passed, else 1.\n" },
    { 0 },
};
