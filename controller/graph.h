/* SPDX-License-Identifier: Apache-2.0 */
/* graph.h - switches and the links between them that are up: shortest ways, and trees to flood along.
 * Pure functions; equal input gives equal output, so that a controller that starts anew finds the same ways.
 * Flow: links -> [graph] -> compiler. */
#ifndef CONTROLLER_GRAPH_H
#define CONTROLLER_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

struct graph_edge {
    int node[2];
    bool is_up;
};

struct graph {
    int n_nodes, n_edges;
    const struct graph_edge *edges; /* the lower index is preferred among equals */
};

enum { GRAPH_NONE = -1 };

static inline int graph_other(const struct graph *g, int edge, int node)
{
    return g->edges[edge].node[g->edges[edge].node[0] == node];
}

/* Writes for each node the edge to take next on a shortest way to `to` (GRAPH_NONE: no way, or it is `to`).
 * `next` has n_nodes places.  Following `next` ends at `to` after as many steps as it is far.  0 or -ENOMEM. */
int graph_routes(const struct graph *g, int to, int *next);

/* Writes which edges carry a flood among the members: no cycle, members that can reach each other are connected, and
 * every leaf is a member.  `is_member` has n_nodes places, `in_tree` n_edges.  0 or -ENOMEM. */
int graph_tree(const struct graph *g, const bool *is_member, bool *in_tree);

/* Whether the edges with a[i] or b[i] have a cycle.  Negative: -ENOMEM. */
int graph_has_cycle(const struct graph *g, const bool *a, const bool *b);

#endif
