/* SPDX-License-Identifier: Apache-2.0 */
/* flow_list.c - see flow_list.h. */
#include "tools/flow_list.h"

#include <stdlib.h>
#include <string.h>

#include "openflow/action_text.h"
#include "openflow/flow_text.h"
#include "openflow/match_text.h"

void flow_list_init(struct flow_list *l)
{
    *l = (struct flow_list){ 0 };
    arena_init(&l->arena);
}

void flow_list_fini(struct flow_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        json_decref(l->rows[i].json);
    free(l->rows);
    arena_fini(&l->arena);
}

struct flow_row *flow_list_add(struct flow_list *l)
{
    if (l->n == l->size) {
        size_t size = l->size ? l->size * 2 : 256;
        struct flow_row *p = realloc(l->rows, size * sizeof *p);

        if (!p) {
            l->is_bad = true;
            return NULL;
        }
        l->rows = p;
        l->size = size;
    }
    l->rows[l->n] = (struct flow_row){ .match = "", .line = "" };
    return &l->rows[l->n++];
}

/* The flow-mod that would add this flow. */
static struct ofp_flow_mod as_mod(const struct ofp_flow_stats *fs)
{
    return (struct ofp_flow_mod){
        .command = OFPFC_ADD,
        .cookie = fs->cookie,
        .table_id = fs->table_id,
        .idle_timeout = fs->idle_timeout,
        .hard_timeout = fs->hard_timeout,
        .priority = fs->priority,
        .buffer_id = OFP_NO_BUFFER,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .flags = fs->flags,
        .match = fs->match,
        .instructions = fs->instructions,
        .n_instructions = fs->n_instructions,
    };
}

static json_t *flags_json(uint16_t flags)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ofp_flow_mod_flags_names.n_values; i++)
        if (flags & ofp_flow_mod_flags_names.values[i].value)
            json_array_append_new(list, json_string(ofp_flow_mod_flags_names.values[i].name));
    return list;
}

static json_t *as_json(const struct ofp_flow_stats *fs, const char *match, const char *flow,
                       const struct port_names *names)
{
    struct str actions = { 0 };
    json_t *o;

    instructions_text_print(&actions, fs->instructions, fs->n_instructions, names);
    o = json_pack("{s:i, s:i, s:o, s:f, s:I, s:I, s:i, s:i, s:o, s:s, s:s, s:s}", "table", fs->table_id, "priority",
                  fs->priority, "cookie", json_sprintf("0x%llx", (unsigned long long)fs->cookie), "duration",
                  fs->duration_sec + fs->duration_nsec / 1e9, "packets", (json_int_t)fs->packet_count, "bytes",
                  (json_int_t)fs->byte_count, "idle_timeout", fs->idle_timeout, "hard_timeout", fs->hard_timeout,
                  "flags", flags_json(fs->flags), "match", match, "actions", str_text(&actions), "flow", flow);
    str_fini(&actions);
    return o;
}

static const char *keep(struct flow_list *l, const struct str *s)
{
    const char *text = s->bad ? NULL : arena_dup(&l->arena, str_text(s), s->len);

    if (text)
        return text;
    l->is_bad = true;
    return "";
}

void flow_list_add_stats(struct flow_list *l, const struct ofp_flow_stats *fs, const struct flow_form *form)
{
    struct flow_row *row = flow_list_add(l);
    struct ofp_flow_mod fm = as_mod(fs);
    struct ofp_flow_stats shown = *fs;
    struct str s = { 0 };

    if (!row)
        return;
    row->table = fs->table_id;
    row->priority = fs->priority;
    row->packets = fs->packet_count;
    row->bytes = fs->byte_count;
    match_text_print(&s, &fs->match, form->names);
    row->match = keep(l, &s);
    str_reset(&s);
    shown.duration_nsec -= shown.duration_nsec % 1000000; /* nobody reads more */
    if (form->is_json || !form->has_stats)
        flow_text_print_mod(&s, &fm, form->names);
    else
        flow_text_print_stats(&s, &shown, form->names);
    row->line = keep(l, &s);
    str_fini(&s);
    if (form->is_json)
        row->json = as_json(fs, row->match, row->line, form->names);
}

/* --- order --- */

static int by_number(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_priority(const void *pa, const void *pb)
{
    const struct flow_row *a = pa, *b = pb;
    int d = by_number(a->table, b->table);

    if (!d)
        d = by_number(b->priority, a->priority);
    if (!d)
        d = strcmp(a->match, b->match);
    return d;
}

static int by_packets(const void *pa, const void *pb)
{
    int d = by_number(((const struct flow_row *)pb)->packets, ((const struct flow_row *)pa)->packets);

    return d ? d : by_priority(pa, pb);
}

static int by_bytes(const void *pa, const void *pb)
{
    int d = by_number(((const struct flow_row *)pb)->bytes, ((const struct flow_row *)pa)->bytes);

    return d ? d : by_priority(pa, pb);
}

void flow_list_sort(struct flow_list *l, enum flow_order order)
{
    static int (*const compare[])(const void *, const void *) = {
        [FLOW_BY_PRIORITY] = by_priority,
        [FLOW_BY_PACKETS] = by_packets,
        [FLOW_BY_BYTES] = by_bytes,
    };

    if (l->n)
        qsort(l->rows, l->n, sizeof *l->rows, compare[order]);
}
