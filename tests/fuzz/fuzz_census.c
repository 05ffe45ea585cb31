/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_census.c - see fuzz_census.h. */
#include "tests/fuzz/fuzz_census.h"

#include <stdio.h>
#include <stdlib.h>

static void fault(const char *what, uint32_t id)
{
    fprintf(stderr, "%s %u\n", what, id);
    abort();
}

void fuzz_census_init(struct fuzz_census *c)
{
    *c = (struct fuzz_census){ .mark = 1 };
}

void fuzz_census_fini(struct fuzz_census *c)
{
    free(c->groups.list);
    free(c->meters.list);
}

static void add(struct fuzz_names *names, uint32_t id, uint32_t said)
{
    struct fuzz_named *list = realloc(names->list, (names->n + 1) * sizeof *list);

    if (!list)
        abort();
    names->list = list;
    list[names->n++] = (struct fuzz_named){ .id = id, .said = said };
}

/* Once for each mark. */
static void count(struct fuzz_names *names, uint32_t id, uint64_t mark, const char *what)
{
    for (size_t i = 0; i < names->n; i++) {
        struct fuzz_named *x = &names->list[i];

        if (x->id != id)
            continue;
        x->counted += x->mark != mark;
        x->mark = mark;
        return;
    }
    fault(what, id);
}

/* Those within a clone, too. */
static void count_actions(struct fuzz_census *c, const struct ofp_action *acts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct ofp_action_experimenter *x = &acts[i].experimenter;

        if (acts[i].type == OFPAT_GROUP)
            count(&c->groups, acts[i].group.group_id, c->mark, "a flow names no group:");
        if (acts[i].type == OFPAT_EXPERIMENTER && x->experimenter == OFPEXP_NICIRA && x->nicira.subtype == NXAST_CLONE)
            count_actions(c, x->nicira.clone.actions, x->nicira.clone.n_actions);
    }
}

static void take_flow(struct fuzz_census *c, const struct ofp_flow_stats *f)
{
    c->mark++;
    c->n_flows++;
    for (size_t i = 0; i < f->n_instructions; i++) {
        const struct ofp_instruction *x = &f->instructions[i];

        if (x->type == OFPIT_APPLY_ACTIONS)
            count_actions(c, x->apply_actions.actions, x->apply_actions.n_actions);
        if (x->type == OFPIT_WRITE_ACTIONS)
            count_actions(c, x->write_actions.actions, x->write_actions.n_actions);
        if (x->type == OFPIT_METER)
            count(&c->meters, x->meter.meter_id, c->mark, "a flow names no meter:");
    }
}

/* A bucket is an action set: of several groups the last stays. */
static void take_group_desc(struct fuzz_census *c, const struct ofp_group_desc *g)
{
    c->mark++;
    c->n_group_descs++;
    for (size_t i = 0; i < g->n_buckets; i++) {
        const struct ofp_bucket *k = &g->buckets[i];
        const struct ofp_action *last = NULL;

        for (size_t j = 0; j < k->n_actions; j++)
            if (k->actions[j].type == OFPAT_GROUP)
                last = &k->actions[j];
        if (last)
            count(&c->groups, last->group.group_id, c->mark, "a bucket names no group:");
    }
}

void fuzz_census_take(struct fuzz_census *c, const struct ofp_msg *m)
{
    const struct ofp_multipart_reply *r = &m->multipart_reply;

    if (m->type != OFPT_MULTIPART_REPLY)
        return;
    switch ((unsigned)r->type) {
    case OFPMP_GROUP:
        for (size_t i = 0; i < r->group.n_groups; i++)
            add(&c->groups, r->group.groups[i].group_id, r->group.groups[i].ref_count);
        break;
    case OFPMP_METER:
        for (size_t i = 0; i < r->meter.n_meters; i++)
            add(&c->meters, r->meter.meters[i].meter_id, r->meter.meters[i].flow_count);
        break;
    case OFPMP_GROUP_DESC:
        for (size_t i = 0; i < r->group_desc.n_groups; i++)
            take_group_desc(c, &r->group_desc.groups[i]);
        break;
    case OFPMP_METER_CONFIG:
        c->n_meter_configs += r->meter_config.n_meters;
        break;
    case OFPMP_FLOW:
        for (size_t i = 0; i < r->flow.n_flows; i++)
            take_flow(c, &r->flow.flows[i]);
        break;
    case OFPMP_AGGREGATE:
        c->n_flows_said = r->aggregate.flow_count;
        break;
    }
}

static void check_names(const struct fuzz_names *names, const char *what)
{
    for (size_t i = 0; i < names->n; i++)
        if (names->list[i].said != names->list[i].counted)
            fault(what, names->list[i].id);
}

void fuzz_census_check(const struct fuzz_census *c)
{
    check_names(&c->groups, "wrong count of references of group");
    check_names(&c->meters, "wrong count of flows of meter");
    if (c->groups.n != c->n_group_descs || c->meters.n != c->n_meter_configs)
        fault("statistics and descriptions are not of the same groups and meters", 0);
    if (c->n_flows != c->n_flows_said)
        fault("the aggregate counts other flows than there are:", (uint32_t)c->n_flows_said);
}
