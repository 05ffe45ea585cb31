/* SPDX-License-Identifier: Apache-2.0 */
/* control_policies.c - see control_policies.h. */
#include "controller/control_policies.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/domain.h"
#include "openflow/ofp.h"

/* One that the document has, or what stands for "from outside, and nothing else fits" (the last). */
struct policy_count {
    json_t *about;
    uint64_t packets, bytes;
};

struct policies_reply {
    struct rpc_request *request;
    const json_t *params;
    struct policy_count *counts;
    size_t n_counts, n_left;
    json_t *problems;
};

static void reply_end(struct policies_reply *p)
{
    json_t *list;

    if (--p->n_left)
        return;
    list = json_array();
    for (size_t i = 0; i < p->n_counts; i++) {
        json_object_set_new(p->counts[i].about, "packets", json_integer((json_int_t)p->counts[i].packets));
        json_object_set_new(p->counts[i].about, "bytes", json_integer((json_int_t)p->counts[i].bytes));
        json_array_append_new(list, p->counts[i].about);
    }
    rpc_reply_either(p->request, p->params, json_pack("{s:o, s:o}", "policies", list, "problems", p->problems));
    free(p->counts);
    free(p);
}

static void on_flow(void *arg, const struct ofp_flow_stats *fs)
{
    struct policies_reply *p = arg;
    size_t i = fs->cookie & UINT16_MAX;

    if (!flow_cookie_is_ours(fs->cookie) || flow_cookie_kind(fs->cookie) != FLOW_KIND_POLICY)
        return;
    if (i >= p->n_counts)
        i = p->n_counts - 1;
    p->counts[i].packets += fs->packet_count;
    p->counts[i].bytes += fs->byte_count;
}

static void on_done(void *arg, int err)
{
    struct policies_reply *p = arg;

    if (err)
        json_array_append_new(p->problems, json_sprintf("a switch does not tell its counters: %s", strerror(-err)));
    reply_end(p);
}

void control_policies(struct controller *c, struct rpc_request *r, json_t *params)
{
    const struct net_doc *doc = c->domain->doc;
    struct policies_reply *p = calloc(1, sizeof *p);
    const struct session_reader reader = { .flow = on_flow, .done = on_done, .arg = p };
    size_t n = doc->n_policies + 1;

    if (p)
        *p = (struct policies_reply){
            .request = r, .params = params, .n_counts = n, .n_left = 1, .problems = json_array()
        };
    if (p)
        p->counts = calloc(n, sizeof *p->counts);
    if (!p || !p->counts) {
        free(p);
        rpc_reply_error(r, "not enough memory");
        return;
    }
    for (size_t i = 0; i < n; i++)
        p->counts[i].about = i < doc->n_policies ? json_pack("{s:s, s:s, s:i}", "name", doc->policies[i].name, "action",
                                                             doc->policies[i].is_allowed ? "allow" : "deny", "line",
                                                             (int)doc->policies[i].line)
                                                 : json_pack("{s:s, s:s}", "name", "", "action", "deny");
    for (size_t i = 0; i < doc->n_switches; i++) {
        int err =
            domain_is_connected(c->domain, (int)i) ? session_read(c->domain->members[i].session, &reader) : -ENOTCONN;

        if (!err)
            p->n_left++;
        else
            json_array_append_new(p->problems,
                                  json_sprintf("switch %s does not tell its counters: %s", doc->switches[i].name,
                                               err == -ENOTCONN ? "it is not connected" : strerror(-err)));
    }
    reply_end(p);
}
