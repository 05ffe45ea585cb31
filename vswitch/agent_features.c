/* SPDX-License-Identifier: Apache-2.0 */
/* agent_features.c - what each table can do, and every table can do the same (OpenFlow 1.3.5, 7.3.5.5). */
#include <string.h>

#include "vswitch/agent_impl.h"

static const uint16_t instruction_types[] = {
    OFPIT_GOTO_TABLE, OFPIT_WRITE_METADATA, OFPIT_WRITE_ACTIONS, OFPIT_APPLY_ACTIONS, OFPIT_CLEAR_ACTIONS, OFPIT_METER,
};
static const uint16_t action_types[] = {
    OFPAT_OUTPUT,   OFPAT_COPY_TTL_OUT, OFPAT_COPY_TTL_IN, OFPAT_SET_MPLS_TTL, OFPAT_DEC_MPLS_TTL, OFPAT_PUSH_VLAN,
    OFPAT_POP_VLAN, OFPAT_PUSH_MPLS,    OFPAT_POP_MPLS,    OFPAT_SET_NW_TTL,   OFPAT_DEC_NW_TTL,   OFPAT_SET_FIELD,
    OFPAT_PUSH_PBB, OFPAT_POP_PBB,      OFPAT_GROUP,       OFPAT_SET_QUEUE,
};
enum {
    N_INSTRUCTIONS = sizeof instruction_types / sizeof *instruction_types,
    N_ACTIONS = sizeof action_types / sizeof *action_types
};

uint32_t table_action_types(void)
{
    uint32_t types = 0;

    for (int i = 0; i < N_ACTIONS; i++)
        types |= 1u << action_types[i];
    return types;
}

/* Fields of the basic class that OpenFlow 1.3 has, and can be set or matched here. */
static size_t fields(struct ofp_oxm_id *ids, bool is_for_setting, bool has_mask)
{
    size_t n = 0;

    for (int i = 0; i < FIELD_N; i++) {
        const struct oxm_way *way = oxm_way_of((enum field_id)i, OFP_VERSION_13);

        if (!way || way->oxm_class != OXM_CLASS_BASIC || (is_for_setting && !field_table[i].is_settable))
            continue;
        ids[n++] = (struct ofp_oxm_id){ .field = (enum field_id)i, .has_mask = has_mask };
    }
    return n;
}

static void no_memory(struct ofp_table_features *out)
{
    out->n_properties = 0;
}

/* Each property stands twice, for flows and for the table-miss flow, but for match and wildcards. */
void table_features(struct agent *a, uint8_t table_id, enum tables tables, struct arena *arena,
                    struct ofp_table_features *out)
{
    struct ofp_table_feature_prop *p = arena_calloc(arena, 14, sizeof *p);
    struct ofp_instruction_id *insts = arena_calloc(arena, N_INSTRUCTIONS, sizeof *insts);
    struct ofp_action_id *acts = arena_calloc(arena, N_ACTIONS, sizeof *acts);
    struct ofp_oxm_id *match = arena_calloc(arena, FIELD_N, sizeof *match);
    struct ofp_oxm_id *wild = arena_calloc(arena, FIELD_N, sizeof *wild);
    struct ofp_oxm_id *set = arena_calloc(arena, FIELD_N, sizeof *set);
    uint8_t *next = arena_calloc(arena, DP_TABLES, 1);
    size_t n_next = 0;

    *out = (struct ofp_table_features){
        .table_id = table_id,
        .metadata_match = UINT64_MAX,
        .metadata_write = UINT64_MAX,
        .config = a->tables[table_id].config,
        .max_entries = flow_table_limit(a->flows, table_id),
        .properties = p,
        .n_properties = 14,
    };
    memcpy(out->name, a->tables[table_id].name, sizeof out->name);
    if (!p || !insts || !acts || !match || !wild || !set || !next) {
        no_memory(out);
        return;
    }
    for (int i = 0; i < N_INSTRUCTIONS; i++)
        insts[i].type = instruction_types[i];
    for (int i = 0; i < N_ACTIONS; i++)
        acts[i].type = action_types[i];
    for (unsigned i = table_id + 1u; i < DP_TABLES; i++)
        if (tables == TABLES_ALL || agent_has_table(a, (uint8_t)i))
            next[n_next++] = (uint8_t)i;

    /* the last table goes nowhere */
    size_t n_insts = table_id + 1 < DP_TABLES ? N_INSTRUCTIONS : N_INSTRUCTIONS - 1;
    struct ofp_instruction_id *first = insts + (N_INSTRUCTIONS - n_insts);
    size_t n_set = fields(set, true, false);

    for (int miss = 0; miss < 2; miss++) {
        *p++ =
            (struct ofp_table_feature_prop){ .type = OFPTFPT_INSTRUCTIONS + miss, .instructions = { first, n_insts } };
        *p++ = (struct ofp_table_feature_prop){ .type = OFPTFPT_NEXT_TABLES + miss, .next_tables = { next, n_next } };
        *p++ = (struct ofp_table_feature_prop){ .type = OFPTFPT_WRITE_ACTIONS + miss,
                                                .write_actions = { acts, N_ACTIONS } };
        *p++ = (struct ofp_table_feature_prop){ .type = OFPTFPT_APPLY_ACTIONS + miss,
                                                .apply_actions = { acts, N_ACTIONS } };
        *p++ =
            (struct ofp_table_feature_prop){ .type = OFPTFPT_WRITE_SETFIELD + miss, .write_setfield = { set, n_set } };
        *p++ =
            (struct ofp_table_feature_prop){ .type = OFPTFPT_APPLY_SETFIELD + miss, .apply_setfield = { set, n_set } };
    }
    *p++ = (struct ofp_table_feature_prop){ .type = OFPTFPT_MATCH, .match = { match, fields(match, false, true) } };
    *p++ =
        (struct ofp_table_feature_prop){ .type = OFPTFPT_WILDCARDS, .wildcards = { wild, fields(wild, false, false) } };
}
