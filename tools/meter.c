/* SPDX-License-Identifier: Apache-2.0 */
/* meter.c - `trama meter ...`: meters of a switch, in the words of ovs-ofctl. */
#include <string.h>

#include "openflow/meter_text.h"
#include "tools/commands.h"
#include "tools/of_change.h"
#include "tools/of_list.h"
#include "tools/of_target.h"

/* --- changes --- */

static int parse_meter(struct ofp_msg *m, struct arena *a, const char *text, int command,
                       const struct port_names *names, struct errbuf *e)
{
    m->type = OFPT_METER_MOD;
    return meter_text_parse(&m->meter_mod, a, text, (enum ofp_meter_mod_command)command, e);
}

static const struct of_change_kind meter_kind = { "meter", parse_meter };

static int run_add(struct cli *c)
{
    return of_change(c, &meter_kind, OFPMC_ADD, OF_CHANGE_SETS);
}

static int run_mod(struct cli *c)
{
    return of_change(c, &meter_kind, OFPMC_MODIFY, OF_CHANGE_SETS);
}

static int run_del(struct cli *c)
{
    return of_change(c, &meter_kind, OFPMC_DELETE, OF_CHANGE_DELETES);
}

/* --- what there is --- */

static json_t *band_json(const struct ofp_meter_band *b, uint16_t flags)
{
    struct str type = { 0 };
    json_t *o;

    ofp_enum_print(&type, &ofp_meter_band_type_names, b->type);
    o = json_pack("{s:s, s:I}", "type", str_text(&type), "rate", (json_int_t)b->rate);
    str_fini(&type);
    if (flags & OFPMF_BURST)
        json_object_set_new(o, "burst_size", json_integer(b->burst_size));
    if (b->type == OFPMBT_DSCP_REMARK)
        json_object_set_new(o, "prec_level", json_integer(b->dscp_remark.prec_level));
    return o;
}

static void take_meters(json_t *items, const struct ofp_multipart_reply *r, const struct port_names *names)
{
    for (size_t i = 0; i < r->meter_config.n_meters; i++) {
        const struct ofp_meter_config *m = &r->meter_config.meters[i];
        json_t *bands = json_array(), *o;
        struct str s = { 0 };

        for (size_t k = 0; k < m->n_bands; k++)
            json_array_append_new(bands, band_json(&m->bands[k], m->flags));
        meter_text_print_config(&s, m);
        for (char *p = s.s; p && (p = strchr(p, '\n'));) /* one a line, as --file takes them */
            *p = ' ';
        o = json_pack("{s:I, s:s, s:b, s:b, s:o, s:s}", "meter_id", (json_int_t)m->meter_id, "unit",
                      m->flags & OFPMF_PKTPS ? "packets/s" : "kbit/s", "burst", !!(m->flags & OFPMF_BURST), "stats",
                      !!(m->flags & OFPMF_STATS), "bands", bands, "text", str_text(&s));
        json_array_append_new(items, o);
        str_fini(&s);
    }
}

static void take_stats(json_t *items, const struct ofp_multipart_reply *r, const struct port_names *names)
{
    for (size_t i = 0; i < r->meter.n_meters; i++) {
        const struct ofp_meter_stats *m = &r->meter.meters[i];
        json_t *bands = json_array();

        for (size_t k = 0; k < m->n_bands; k++)
            json_array_append_new(bands, json_pack("{s:I, s:I}", "packets", (json_int_t)m->bands[k].packet_band_count,
                                                   "bytes", (json_int_t)m->bands[k].byte_band_count));
        json_array_append_new(
            items, json_pack("{s:I, s:I, s:f, s:I, s:I, s:o}", "meter_id", (json_int_t)m->meter_id, "flows",
                             (json_int_t)m->flow_count, "duration", m->duration_sec + m->duration_nsec / 1e9, "packets",
                             (json_int_t)m->packet_in_count, "bytes", (json_int_t)m->byte_in_count, "bands", bands));
    }
}

static void show_stats(const json_t *items)
{
    static const struct of_list_columns columns = { ">METER >BAND >FLOWS >PACKETS >BYTES >AGE", "meter_id", "flows",
                                                    "bands" };

    of_list_show_stats(items, &columns);
}

static int run_dump(struct cli *c)
{
    static const struct of_list_kind kind = { OFPMP_METER_CONFIG, "meter", OFPM_ALL, take_meters, of_list_show_texts };

    return of_list(c, &kind);
}

static int run_stats(struct cli *c)
{
    static const struct of_list_kind kind = { OFPMP_METER, "meter", OFPM_ALL, take_stats, show_stats };

    return of_list(c, &kind);
}

static const struct cli_option change_options[] = {
    OF_TARGET_OPTIONS,
    OF_CHANGE_FILE_OPTION,
    OF_CHANGE_NO_BUNDLE_OPTION,
    { 0 },
};
static const struct cli_option del_options[] = {
    OF_TARGET_OPTIONS, OF_CHANGE_FILE_OPTION, OF_CHANGE_NO_BUNDLE_OPTION, { "all", 0, NULL, "every meter" }, { 0 },
};

const struct cli_command meter_commands[] = {
    { "meter add", "[METER]...", "Adds meters", run_add, 0, -1, change_options,
      "METER is written as for ovs-ofctl; rates are in kbit/s (kbps) or packets/s (pktps):\n"
      "  trama meter add meter=3,kbps,burst,bands=type=drop,rate=1000,burst_size=200\n"
      "Flows go through it by meter:3.  Several meters go in together or not at all.\n" },
    { "meter mod", "[METER]...", "Gives meters other bands", run_mod, 0, -1, change_options },
    { "meter del", "[METER]...", "Deletes meters (meter=3), and the flows that go through them", run_del, 0, -1,
      del_options },
    { "meter dump", "[NUMBER]", "Lists meters, as they can be added again", run_dump, 0, 1, of_list_options },
    { "meter stats", "[NUMBER]", "Counters of meters and of their bands", run_stats, 0, 1, of_list_options },
    { 0 },
};
