/* SPDX-License-Identifier: Apache-2.0 */
/* flow_change.c - `trama flow add|mod|del`.  All flows are read before the first is sent: one that cannot be read changes
 * nothing.  Then they go out in one stream with a barrier behind, and each error of the switch finds its flow by its xid.
 * Flow: command line or file -> flow_text -> codec -> [of_client] -> switch. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openflow/flow_text.h"
#include "openflow/ofp.h"
#include "tools/flow.h"
#include "tools/flow_target.h"
#include "tools/of_client.h"

enum { REFUSALS_SHOWN = 20 };

/* One flow as it was written; `line` is 0 for one from the command line. */
struct written {
    const char *text;
    unsigned line;
};

struct change {
    const struct cli *cli;
    enum flow_text_command command;
    struct flow_target target;
    const char *file; /* for sentences; NULL: the command line */
    char *content;    /* of the file; the texts borrow from it */
    struct written *flows;
    size_t n, size;
    struct wr wire; /* the flow-mods */
    size_t n_refused;
    json_t *refusals;
};

/* --- what was written --- */

static int add_flow(struct change *ch, const char *text, unsigned line)
{
    if (ch->n == ch->size) {
        size_t size = ch->size ? ch->size * 2 : 64;
        struct written *p = realloc(ch->flows, size * sizeof *p);

        if (!p)
            return cli_fail(CLI_FAILED, "not enough memory");
        ch->flows = p;
        ch->size = size;
    }
    ch->flows[ch->n++] = (struct written){ text, line };
    return CLI_OK;
}

/* Cuts a comment off, which begins with a '#' at the start of the line or behind a blank, and blanks at both ends. */
static char *trim(char *line)
{
    size_t len;

    for (char *p = strchr(line, '#'); p; p = strchr(p + 1, '#'))
        if (p == line || p[-1] == ' ' || p[-1] == '\t') {
            *p = '\0';
            break;
        }
    line += strspn(line, " \t\r");
    len = strlen(line);
    while (len && strchr(" \t\r", line[len - 1]))
        line[--len] = '\0';
    return line;
}

static int read_file(struct change *ch, const char *path)
{
    unsigned number = 0;
    int code = cli_read_file(path, &ch->content);

    ch->file = cli_file_name(path);
    for (char *next = ch->content, *line; !code && (line = strsep(&next, "\n"));) {
        number++;
        line = trim(line);
        if (*line)
            code = add_flow(ch, line, number);
    }
    return code;
}

static int take_written(struct change *ch)
{
    const struct cli *c = ch->cli;
    bool is_delete = ch->command == FLOW_TEXT_DELETE || ch->command == FLOW_TEXT_DELETE_STRICT;
    const char *file = cli_value(c, "file");
    int code = CLI_OK;

    if (is_delete && cli_has(c, "all")) {
        if (c->n_args || file || cli_has(c, "strict"))
            return cli_usage_fail(c, "--all deletes every flow, and goes with neither FLOW, --file nor --strict");
        return add_flow(ch, "", 0);
    }
    if (!c->n_args == !file)
        return cli_usage_fail(c,
                              file        ? "FLOW and --file do not go together"
                              : is_delete ? "which flows? 'flow del' needs FLOW, --file FILE or --all"
                                          : "'%s' needs FLOW or --file FILE",
                              c->command->name);
    if (file)
        return read_file(ch, file);
    for (int i = 0; i < c->n_args && !code; i++)
        code = add_flow(ch, c->args[i], 0);
    return code;
}

/* "FILE:LINE: " before a sentence. */
static const char *place(const struct change *ch, size_t i, char *buf, size_t size)
{
    snprintf(buf, size, "%s:%u: ", ch->file, ch->flows[i].line);
    return ch->flows[i].line ? buf : "";
}

/* --- encoding --- */

static int encode_one(struct change *ch, struct arena *a, size_t i, uint32_t xid)
{
    struct ofp_msg m = { .version = OFP_VERSION_13, .type = OFPT_FLOW_MOD, .xid = xid };
    struct errbuf e = { { 0 } };
    char where[CLI_PATH_SIZE];

    if (flow_text_parse(&m.flow_mod, a, ch->flows[i].text, ch->command, of_client_names(ch->target.client), &e))
        return cli_fail(CLI_FAILED, "%sflow '%s': %s", place(ch, i, where, sizeof where), ch->flows[i].text, e.text);
    ofp_encode(&ch->wire, &m);
    if (ch->wire.bad)
        return cli_fail(CLI_FAILED, "%sflow '%.80s...': it is too long for a message",
                        place(ch, i, where, sizeof where), ch->flows[i].text);
    return CLI_OK;
}

static int encode_all(struct change *ch, uint32_t first_xid)
{
    struct arena a;
    int code = CLI_OK;

    arena_init(&a);
    for (size_t i = 0; i < ch->n && !code; i++) {
        code = encode_one(ch, &a, i, first_xid + (uint32_t)i);
        arena_reset(&a);
    }
    arena_fini(&a);
    return code;
}

/* --- sending --- */

static void on_refused(void *arg, size_t i, const struct ofp_error *err)
{
    struct change *ch = arg;
    char where[CLI_PATH_SIZE], name[64];
    const char *known = ofp_err_name(err->type, err->code, name);
    struct str s = { 0 };

    of_error_text(&s, err->type, err->code);
    ch->n_refused++;
    if (ch->n_refused <= REFUSALS_SHOWN)
        cli_fail(CLI_FAILED, "%s%s refuses flow '%s': %s", place(ch, i, where, sizeof where), ch->target.name,
                 ch->flows[i].text, str_text(&s));
    json_array_append_new(ch->refusals, json_pack("{s:s, s:i, s:i, s:s?, s:s}", "flow", ch->flows[i].text, "type",
                                                  err->type, "code", err->code, "error", known, "why", str_text(&s)));
    if (ch->flows[i].line)
        json_object_set_new(json_array_get(ch->refusals, json_array_size(ch->refusals) - 1), "line",
                            json_integer(ch->flows[i].line));
    str_fini(&s);
}

static int tell(struct change *ch)
{
    if (ch->n_refused > REFUSALS_SHOWN)
        cli_fail(CLI_FAILED, "%zu more flows were refused", ch->n_refused - REFUSALS_SHOWN);
    if (ch->n_refused && ch->n > 1)
        cli_fail(CLI_FAILED, "%zu of %zu flows were refused, the others are in place", ch->n_refused, ch->n);
    if (ch->cli->is_json) {
        json_t *o = flow_target_json(&ch->target);

        json_object_set_new(o, "sent", json_integer((json_int_t)ch->n));
        json_object_set(o, "refused", ch->refusals);
        cli_json(o);
    }
    return ch->n_refused ? CLI_FAILED : CLI_OK;
}

static int change(const struct cli *c, enum flow_text_command command)
{
    struct change ch = { .cli = c, .command = command, .refusals = json_array() };
    struct of_batch batch = { .refused = on_refused, .arg = &ch };
    struct errbuf e = { { 0 } };
    int code = take_written(&ch);

    wr_init(&ch.wire);
    if (!code)
        code = flow_target_open(c, &ch.target);
    if (!code) {
        batch.first_xid = of_client_xids(ch.target.client, ch.n);
        code = encode_all(&ch, batch.first_xid);
    }
    if (!code) {
        batch.p = ch.wire.p;
        batch.len = ch.wire.len;
        batch.n = ch.n;
        code = of_client_send_batch(ch.target.client, &batch, &e) ? cli_fail(CLI_UNREACHABLE, "%s", e.text) : tell(&ch);
    }
    flow_target_close(&ch.target);
    wr_fini(&ch.wire);
    json_decref(ch.refusals);
    free(ch.flows);
    free(ch.content);
    return code;
}

int flow_run_add(struct cli *c)
{
    return change(c, FLOW_TEXT_ADD);
}

int flow_run_mod(struct cli *c)
{
    return change(c, cli_has(c, "strict") ? FLOW_TEXT_MODIFY_STRICT : FLOW_TEXT_MODIFY);
}

int flow_run_del(struct cli *c)
{
    return change(c, cli_has(c, "strict") ? FLOW_TEXT_DELETE_STRICT : FLOW_TEXT_DELETE);
}
