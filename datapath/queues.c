/* SPDX-License-Identifier: Apache-2.0 */
/* queues.c - see queues.h.
 *
 * Theory.  A queue is received from by one worker at a time, so that frames of a flow stay in order; it is sent by as
 * queues_assign() said, whoever receives from it: receiving and sending share nothing in any kind of port.  To move one: its
 * worker's plan is made without it; once that worker is done with its frames, and those that it handed to others are sent,
 * another's plan is made with it.
 *
 * Which one to move is told by what its frames cost, from where they came in to where they were sent, as workers time it for one
 * burst of TIMED_PART.  Only the busiest worker gives, to the idlest, and only when that is worth it and was so at the look before
 * too: traffic comes in bursts, and a cold cache costs something.  What a worker does for others (frames handed to it to be
 * sent) is not counted. */
#include "datapath/queues.h"

#include <errno.h>
#include <rte_cycles.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "datapath/datapath_impl.h"
#include "datapath/rcu.h"

enum { QUEUE_NOBODY = UINT8_MAX };
#define BUSY 0.6F     /* of a CPU: a worker that does less has time enough */
#define WORTH_IT 0.1F /* of a CPU, less for the busiest */

/* --- plans --- */

void queues_assign(struct datapath *dp, struct dp_port *p)
{
    unsigned first = dp->next_worker;

    for (unsigned i = 0; i < DP_WORKERS_MAX; i++)
        p->tx_queue[i] = -1;
    for (unsigned q = 0; q < p->port->n_queues; q++) {
        unsigned w = dp->next_worker;

        dp->next_worker = (dp->next_worker + 1) % dp->n_workers;
        p->rx_owner[q] = (uint8_t)w;
        if (p->tx_queue[w] < 0)
            p->tx_queue[w] = (int16_t)q;
    }
    for (unsigned i = 0; i < DP_WORKERS_MAX; i++)
        p->tx_owner[i] = (uint8_t)first;
}

static int watch(struct datapath *dp, const struct dp_port *p, unsigned queue)
{
    int fd = p->port->rx_fd[queue];
    struct epoll_event ev = { .events = EPOLLIN, .data.u64 = (uint64_t)p->index << 32 | queue };

    if (fd < 0)
        return 0;
    return epoll_ctl(dp->workers[p->rx_owner[queue]]->epoll_fd, EPOLL_CTL_ADD, fd, &ev) && errno != EEXIST ? -errno : 0;
}

static void unwatch(struct datapath *dp, const struct dp_port *p, unsigned queue)
{
    if (p->port->rx_fd[queue] >= 0)
        epoll_ctl(dp->workers[p->rx_owner[queue]]->epoll_fd, EPOLL_CTL_DEL, p->port->rx_fd[queue], NULL);
}

int queues_watch(struct datapath *dp, const struct dp_port *p)
{
    int err = 0;

    for (unsigned q = 0; !err && q < p->port->n_queues; q++)
        err = watch(dp, p, q);
    return err;
}

void queues_unwatch(struct datapath *dp, const struct dp_port *p)
{
    for (unsigned q = 0; q < p->port->n_queues; q++)
        unwatch(dp, p, q);
}

/* Gives a worker the plan that its ports' queues make; the old one goes after a grace period. */
static int replan(struct datapath *dp, struct worker *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < DP_PORTS_MAX; i++) {
        const struct dp_port *p = datapath_port(dp, (uint16_t)i);

        for (unsigned q = 0; p && q < p->port->n_queues; q++)
            n += p->rx_owner[q] == w->id;
    }

    struct plan *plan = calloc(1, sizeof *plan + n * sizeof plan->rx[0]);

    if (!plan)
        return -ENOMEM;
    for (unsigned i = 0; i < DP_PORTS_MAX; i++) {
        struct dp_port *p = datapath_port(dp, (uint16_t)i);

        for (unsigned q = 0; p && q < p->port->n_queues; q++)
            if (p->rx_owner[q] == w->id)
                plan->rx[plan->n++] = (struct rx_queue){ p, (uint16_t)q, p->port->rx_fd[q] };
    }

    plan->serial = ++dp->plan_serial;

    const struct plan *old = atomic_exchange(&w->plan, plan);

    rcu_defer(dp->rcu, free, (void *)(uintptr_t)old);
    worker_kick(w);
    return 0;
}

int queues_replan(struct datapath *dp)
{
    for (unsigned i = 0; i < dp->n_workers; i++) {
        int err = replan(dp, dp->workers[i]);

        if (err)
            return err;
    }
    return 0;
}

/* --- moving --- */

static int move(struct datapath *dp, struct dp_port *p, unsigned queue, unsigned to)
{
    unsigned from = p->rx_owner[queue];
    int err;

    if (from == to)
        return 0;
    unwatch(dp, p, queue);
    p->rx_owner[queue] = QUEUE_NOBODY;
    err = replan(dp, dp->workers[from]);
    p->rx_owner[queue] = (uint8_t)(err ? from : to);
    if (!err) {
        datapath_drain(dp); /* `from` has sent the last frames of it, and so has whoever it handed some to */
        while (replan(dp, dp->workers[to]))
            rcu_wait(dp->rcu); /* no memory: what is deferred gives some back */
        dp->queues_moved++;
    }
    if (watch(dp, p,
              queue)) /* never seen: the descriptor was watched a moment ago; it is tried again as after an error */
        atomic_store(&p->is_unwatched, true);
    return err;
}

int datapath_queue_move(struct datapath *dp, uint16_t port, unsigned queue, unsigned worker)
{
    struct dp_port *p = datapath_port(dp, port);
    int err;

    if (!p || queue >= p->port->n_queues || worker >= dp->n_workers)
        return -ENOENT;
    err = move(dp, p, queue, worker);
    if (!err)
        p->pinned |= (uint16_t)(1u << queue);
    return err;
}

int datapath_queue_free(struct datapath *dp, uint16_t port, unsigned queue)
{
    struct dp_port *p = datapath_port(dp, port);

    if (!p || queue >= p->port->n_queues)
        return -ENOENT;
    p->pinned &= (uint16_t) ~(1u << queue);
    return 0;
}

int datapath_queue_info(const struct datapath *dp, uint16_t port, unsigned queue, struct queue_info *out)
{
    const struct dp_port *p = datapath_port(dp, port);

    if (!p || queue >= p->port->n_queues)
        return -ENOENT;
    *out = (struct queue_info){ .worker = p->rx_owner[queue],
                                .is_pinned = p->pinned >> queue & 1,
                                .cpu_part = p->load[queue].part };
    return 0;
}

uint64_t datapath_queues_moved(const struct datapath *dp)
{
    return dp->queues_moved;
}

/* --- balance --- */

bool queues_choose(const struct queue_cost *q, unsigned n, unsigned n_workers, struct queue_choice *out)
{
    float load[DP_WORKERS_MAX] = { 0 }, best = WORTH_IT;
    unsigned most = 0, least = 0;
    bool has_choice = false;

    for (unsigned i = 0; i < n; i++)
        load[q[i].worker] += q[i].part;
    for (unsigned w = 1; w < n_workers; w++) {
        most = load[w] > load[most] ? w : most;
        least = load[w] < load[least] ? w : least;
    }
    for (unsigned i = 0; load[most] >= BUSY && i < n; i++) {
        float left = load[most] - q[i].part, new = load[least] + q[i].part,
              gain = load[most] - (left > new ? left : new);

        if (q[i].worker != most || !q[i].may_move || gain < best)
            continue;
        best = gain;
        *out = (struct queue_choice){ .queue = i, .worker = least };
        has_choice = true;
    }
    return has_choice;
}

/* What the queue took since it was looked at last. */
static float cost_of(struct dp_port *p, unsigned queue, uint64_t cycles_gone)
{
    struct queue_load *l = &p->load[queue];
    uint64_t now = atomic_load_explicit(&p->rx_cycles[queue], memory_order_relaxed), took = now - l->cycles;

    l->cycles = now;
    l->part = (float)took * TIMED_PART / (float)cycles_gone;
    return l->part;
}

/* Every queue, in order of ports. */
struct costs {
    unsigned n;
    struct queue_cost cost[4 * DP_PORTS_MAX];
    struct {
        struct dp_port *port;
        unsigned queue;
    } of[4 * DP_PORTS_MAX];
};

static void take_costs(struct datapath *dp, struct costs *c, uint64_t cycles_gone)
{
    c->n = 0;
    for (unsigned i = 0; i < DP_PORTS_MAX; i++) {
        struct dp_port *p = datapath_port(dp, (uint16_t)i);

        for (unsigned q = 0; p && q < p->port->n_queues; q++) {
            float part = cost_of(p, q, cycles_gone);

            if (part <= 0 || c->n == sizeof c->of / sizeof *c->of)
                continue;
            c->cost[c->n] = (struct queue_cost){ p->rx_owner[q], !(p->pinned >> q & 1), part };
            c->of[c->n].port = p;
            c->of[c->n++].queue = q;
        }
    }
}

void datapath_balance(struct datapath *dp)
{
    uint64_t now = rte_rdtsc(), gone = now - dp->balance.cycles;
    bool is_first = !dp->balance.cycles;
    struct queue_choice choice;
    struct costs *c;

    if (!is_first && gone < rte_get_tsc_hz())
        return;
    dp->balance.cycles = now;
    c = malloc(sizeof *c);
    if (!c)
        return;
    take_costs(dp, c, gone);
    if (is_first || !queues_choose(c->cost, c->n, dp->n_workers, &choice)) {
        dp->balance.was_uneven = false;
    } else if (!dp->balance.was_uneven) {
        dp->balance.was_uneven = true;
    } else {
        (void)move(dp, c->of[choice.queue].port, c->of[choice.queue].queue, choice.worker); /* else at the next look */
        dp->balance.was_uneven = false;
    }
    free(c);
}
