/* SPDX-License-Identifier: Apache-2.0 */
/* graph.c - see graph.h.
 *
 * Theory.  Breadth first from a node gives its distance to every other; the edge by which a node was reached is its next
 * hop back, one step nearer, so no way along `graph_routes` visits a node twice, whichever switches it is mixed from.
 * `graph_tree` keeps the edges of a breadth-first search from the lowest member of each component, then cuts leaves that
 * are no members. */
#include "controller/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Edges by node: those of node i are list[first[i]] .. list[first[i + 1] - 1], in order. */
struct adjacency {
    int *first, *list;
};

static void adjacency_fini(struct adjacency *a)
{
    free(a->first);
    free(a->list);
}

static int adjacency_init(struct adjacency *a, const struct graph *g)
{
    a->first = calloc((size_t)g->n_nodes + 2, sizeof *a->first);
    a->list = calloc(2 * (size_t)g->n_edges + 1, sizeof *a->list);
    if (!a->first || !a->list) {
        adjacency_fini(a);
        return -ENOMEM;
    }
    for (int i = 0; i < g->n_edges; i++)
        for (int j = 0; j < 2 && g->edges[i].is_up; j++)
            a->first[g->edges[i].node[j] + 2]++;
    for (int i = 0; i < g->n_nodes; i++)
        a->first[i + 2] += a->first[i + 1];
    for (int i = 0; i < g->n_edges; i++)
        for (int j = 0; j < 2 && g->edges[i].is_up; j++)
            a->list[a->first[g->edges[i].node[j] + 1]++] = i;
    return 0;
}

/* From `root`, over nodes whose `reached_by` is GRAPH_NONE; sets it to the edge.  `queue`: n_nodes places. */
static void search(const struct graph *g, const struct adjacency *a, int root, int *reached_by, int *queue)
{
    int head = 0, tail = 0;

    queue[tail++] = root;
    while (head < tail) {
        int node = queue[head++];

        for (int i = a->first[node]; i < a->first[node + 1]; i++) {
            int to = graph_other(g, a->list[i], node);

            if (to == root || reached_by[to] != GRAPH_NONE)
                continue;
            reached_by[to] = a->list[i];
            queue[tail++] = to;
        }
    }
}

int graph_routes(const struct graph *g, int to, int *next)
{
    struct adjacency a;
    int *queue = calloc((size_t)g->n_nodes + 1, sizeof *queue);
    int err = queue ? adjacency_init(&a, g) : -ENOMEM;

    if (err)
        goto out;
    for (int i = 0; i < g->n_nodes; i++)
        next[i] = GRAPH_NONE;
    search(g, &a, to, next, queue);
    adjacency_fini(&a);
out:
    free(queue);
    return err;
}

/* Takes edges to leaves that are no members out of the tree, until there are none. */
static void prune(const struct graph *g, const struct adjacency *a, const bool *is_member, bool *in_tree)
{
    for (int start = 0; start < g->n_nodes; start++) {
        int node = start;

        while (node != GRAPH_NONE && !is_member[node]) {
            int edge = GRAPH_NONE, n = 0;

            for (int i = a->first[node]; i < a->first[node + 1]; i++) {
                if (!in_tree[a->list[i]])
                    continue;
                edge = a->list[i];
                n++;
            }
            if (n != 1)
                break;
            in_tree[edge] = false;
            node = graph_other(g, edge, node);
        }
    }
}

int graph_tree(const struct graph *g, const bool *is_member, bool *in_tree)
{
    struct adjacency a;
    int *reached_by = calloc(2 * (size_t)g->n_nodes + 1, sizeof *reached_by), *queue = reached_by + g->n_nodes;
    int err = reached_by ? adjacency_init(&a, g) : -ENOMEM;

    if (err)
        goto out;
    memset(in_tree, 0, (size_t)g->n_edges * sizeof *in_tree);
    for (int i = 0; i < g->n_nodes; i++)
        reached_by[i] = GRAPH_NONE;
    for (int i = 0; i < g->n_nodes; i++)
        if (is_member[i] && reached_by[i] == GRAPH_NONE) /* the first member of its component */
            search(g, &a, i, reached_by, queue);
    for (int i = 0; i < g->n_nodes; i++)
        if (reached_by[i] != GRAPH_NONE)
            in_tree[reached_by[i]] = true;
    prune(g, &a, is_member, in_tree);
    adjacency_fini(&a);
out:
    free(reached_by);
    return err;
}

static int find_root(int *parent, int node)
{
    while (parent[node] != node)
        node = parent[node] = parent[parent[node]];
    return node;
}

int graph_has_cycle(const struct graph *g, const bool *a, const bool *b)
{
    int *parent = calloc((size_t)g->n_nodes + 1, sizeof *parent), has_cycle = 0;

    if (!parent)
        return -ENOMEM;
    for (int i = 0; i < g->n_nodes; i++)
        parent[i] = i;
    for (int i = 0; i < g->n_edges && !has_cycle; i++) {
        int x, y;

        if (!a[i] && !b[i])
            continue;
        x = find_root(parent, g->edges[i].node[0]);
        y = find_root(parent, g->edges[i].node[1]);
        has_cycle = x == y;
        parent[x] = y;
    }
    free(parent);
    return has_cycle;
}
