/* SPDX-License-Identifier: Apache-2.0 */
/* of_change.c - see of_change.h.  Each error of the switch finds its text by its xid: the messages of a change have numbers in
 * a row, and a bundle's inner messages have those of the outer ones.
 * Spec: OpenFlow 1.3.5; bundles: ONF EXT-230. */
#include "tools/of_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openflow/ofp.h"
#include "tools/of_client.h"
#include "tools/of_target.h"

enum { REFUSALS_SHOWN = 20, BUNDLE_ID = 1, BUNDLE_FLAGS = OFPBF_ATOMIC | OFPBF_ORDERED };

/* One change as it was written; `line` is 0 for one from the command line. */
struct written {
    const char *text;
    unsigned line;
};

struct change {
    const struct cli *cli;
    const struct of_change_kind *kind;
    int command;
    bool is_delete, is_bundle;
    struct of_target target;
    const char *file; /* for sentences; NULL: the command line */
    char *content;    /* of the file; the texts borrow from it */
    struct written *items;
    size_t n, size;
    struct wr wire; /* the messages */
    size_t n_refused;
    json_t *refusals;
};

/* --- what was written --- */

static int add_item(struct change *ch, const char *text, unsigned line)
{
    if (ch->n == ch->size) {
        size_t size = ch->size ? ch->size * 2 : 64;
        struct written *p = realloc(ch->items, size * sizeof *p);

        if (!p)
            return cli_fail(CLI_FAILED, "not enough memory");
        ch->items = p;
        ch->size = size;
    }
    ch->items[ch->n++] = (struct written){ text, line };
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
            code = add_item(ch, line, number);
    }
    return code;
}

static int take_written(struct change *ch)
{
    const struct cli *c = ch->cli;
    const char *file = cli_value(c, "file");
    int code = CLI_OK;

    if (ch->is_delete && cli_has(c, "all")) {
        if (c->n_args || file)
            return cli_usage_fail(c, "--all deletes every %s, and goes with neither one nor --file", ch->kind->noun);
        return add_item(ch, "", 0);
    }
    if (c->n_args && file)
        return cli_usage_fail(c, "a %s and --file do not go together", ch->kind->noun);
    if (!c->n_args && !file)
        return cli_usage_fail(c, "'%s' needs a %s or --file FILE%s", c->command->name, ch->kind->noun,
                              ch->is_delete ? " or --all" : "");
    if (file)
        return read_file(ch, file);
    for (int i = 0; i < c->n_args && !code; i++)
        code = add_item(ch, c->args[i], 0);
    return code;
}

/* "FILE:LINE: " before a sentence. */
static const char *place(const struct change *ch, size_t i, char *buf, size_t size)
{
    snprintf(buf, size, "%s:%u: ", ch->file, ch->items[i].line);
    return ch->items[i].line ? buf : "";
}

/* --- encoding --- */

static int say_bad(struct change *ch, size_t i, const char *why)
{
    char where[CLI_PATH_SIZE];

    return cli_fail(CLI_FAILED, "%s%s '%s': %s", place(ch, i, where, sizeof where), ch->kind->noun, ch->items[i].text,
                    why);
}

/* `inner` is scratch. */
static int encode_one(struct change *ch, struct arena *a, struct wr *inner, size_t i, uint32_t xid)
{
    struct ofp_msg m = { 0 }, outer = { .version = OFP_VERSION_13, .type = OFPT_EXPERIMENTER, .xid = xid };
    struct errbuf e = { { 0 } };

    if (ch->kind->parse(&m, a, ch->items[i].text, ch->command, of_client_names(ch->target.client), &e))
        return say_bad(ch, i, e.text);
    m.version = OFP_VERSION_13;
    m.xid = xid;
    wr_reset(inner);
    ofp_encode(ch->is_bundle ? inner : &ch->wire, &m);
    if (ch->is_bundle) {
        outer.experimenter.experimenter = OFPEXP_ONF;
        outer.experimenter.onf.exp_type = ONFT_BUNDLE_ADD_MESSAGE;
        outer.experimenter.onf.bundle_add_message = (struct ofp_bundle_add_message){
            .bundle_id = BUNDLE_ID, .flags = BUNDLE_FLAGS, .message = inner->p, .n_message = inner->len
        };
        ofp_encode(&ch->wire, &outer);
    }
    return inner->bad || ch->wire.bad ? say_bad(ch, i, "it is too long for a message") : CLI_OK;
}

static int encode_all(struct change *ch, uint32_t first_xid)
{
    struct arena a;
    struct wr inner;
    int code = CLI_OK;

    arena_init(&a);
    wr_init(&inner);
    for (size_t i = 0; i < ch->n && !code; i++) {
        code = encode_one(ch, &a, &inner, i, first_xid + (uint32_t)i);
        arena_reset(&a);
    }
    wr_fini(&inner);
    arena_fini(&a);
    return code;
}

/* --- sending --- */

static void on_refused(void *arg, size_t i, const struct ofp_error *err)
{
    struct change *ch = arg;
    char where[CLI_PATH_SIZE], name[64];
    const char *noun = ch->kind->noun, *known = ofp_err_name(err->type, err->code, name);
    struct str s = { 0 };
    json_t *o;

    of_error_text(&s, err->type, err->code);
    ch->n_refused++;
    if (ch->n_refused <= REFUSALS_SHOWN)
        cli_fail(CLI_FAILED, "%s%s refuses %s '%s': %s", place(ch, i, where, sizeof where), ch->target.name, noun,
                 ch->items[i].text, str_text(&s));
    o = json_pack("{s:s, s:i, s:i, s:s?, s:s}", noun, ch->items[i].text, "type", err->type, "code", err->code, "error",
                  known, "why", str_text(&s));
    if (ch->items[i].line)
        json_object_set_new(o, "line", json_integer(ch->items[i].line));
    json_array_append_new(ch->refusals, o);
    str_fini(&s);
}

static struct ofp_msg bundle_control(enum ofp_bundle_control_type type)
{
    return (struct ofp_msg){
        .type = OFPT_EXPERIMENTER,
        .experimenter = { .experimenter = OFPEXP_ONF,
                          .onf = { .exp_type = ONFT_BUNDLE_CONTROL,
                                   .bundle_control = { .bundle_id = BUNDLE_ID,
                                                       .type = type,
                                                       .flags = BUNDLE_FLAGS } } },
    };
}

static int say_error(int err, const struct errbuf *e)
{
    return cli_fail(err == -EREMOTEIO ? CLI_FAILED : CLI_UNREACHABLE, "%s", e->text);
}

/* Sends `batch` as a bundle: opened before, committed behind unless something is refused when it is added.  A bundle that is not
 * committed ends with the connection. */
static int send_bundle(struct change *ch, struct of_batch *batch)
{
    struct ofp_msg open = bundle_control(OFPBCT_OPEN_REQUEST), commit = bundle_control(OFPBCT_COMMIT_REQUEST);
    struct of_client *client = ch->target.client;
    struct errbuf e = { { 0 } };
    int err = of_client_request(client, &open, NULL, NULL, &e);

    if (err == -EREMOTEIO)
        return cli_fail(CLI_FAILED,
                        "%s; nothing was changed.  --no-bundle sends %ss one by one, to a switch without bundles",
                        e.text, ch->kind->noun);
    if (!err)
        err = of_client_send_batch(client, batch, &e);
    if (err)
        return say_error(err, &e);
    if (ch->n_refused)
        return CLI_FAILED;
    batch->len = 0;
    batch->end = &commit;
    err = of_client_send_batch(client, batch, &e);
    if (!err)
        return CLI_OK;
    if (err == -EREMOTEIO && ch->n_refused)
        return CLI_FAILED;
    return err == -EREMOTEIO ? cli_fail(CLI_FAILED, "%s; nothing was changed", e.text) : say_error(err, &e);
}

static int send_all(struct change *ch, uint32_t first_xid)
{
    struct of_batch batch = {
        .p = ch->wire.p, .len = ch->wire.len, .n = ch->n, .first_xid = first_xid, .refused = on_refused, .arg = ch
    };
    struct errbuf e = { { 0 } };
    int err;

    if (ch->is_bundle)
        return send_bundle(ch, &batch);
    err = of_client_send_batch(ch->target.client, &batch, &e);
    if (err)
        return say_error(err, &e);
    return ch->n_refused ? CLI_FAILED : CLI_OK;
}

static void tell(struct change *ch)
{
    const char *noun = ch->kind->noun;

    if (ch->n_refused > REFUSALS_SHOWN)
        cli_fail(CLI_FAILED, "%zu more %ss were refused", ch->n_refused - REFUSALS_SHOWN, noun);
    if (ch->n_refused && ch->is_bundle)
        cli_fail(CLI_FAILED, "nothing was changed: %zu %ss go in together or not at all (--no-bundle: one by one)",
                 ch->n, noun);
    else if (ch->n_refused && ch->n > 1)
        cli_fail(CLI_FAILED, "%zu of %zu %ss were refused, the others are in place", ch->n_refused, ch->n, noun);
    if (ch->cli->is_json) {
        json_t *o = of_target_json(&ch->target);

        json_object_set_new(o, "sent", json_integer((json_int_t)ch->n));
        json_object_set_new(o, "bundle", json_boolean(ch->is_bundle));
        json_object_set(o, "refused", ch->refusals);
        cli_json(o);
    }
}

int of_change(const struct cli *c, const struct of_change_kind *kind, int command, enum of_change_effect effect)
{
    struct change ch = {
        .cli = c, .kind = kind, .command = command, .is_delete = effect == OF_CHANGE_DELETES, .refusals = json_array()
    };
    uint32_t first_xid = 0;
    int code = take_written(&ch);

    wr_init(&ch.wire);
    ch.is_bundle = ch.n > 1 && !cli_has(c, "no-bundle");
    if (!code)
        code = of_target_open(c, &ch.target);
    if (!code) {
        first_xid = of_client_xids(ch.target.client, ch.n);
        code = encode_all(&ch, first_xid);
    }
    if (!code) {
        code = send_all(&ch, first_xid);
        if (!code || ch.n_refused)
            tell(&ch);
    }
    of_target_close(&ch.target);
    wr_fini(&ch.wire);
    json_decref(ch.refusals);
    free(ch.items);
    free(ch.content);
    return code;
}
