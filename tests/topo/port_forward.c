/* SPDX-License-Identifier: Apache-2.0 */
/* port_forward.c - forwards between two ports, as a test's stand-in for the switch: what comes in by one goes out by the other.
 *     port_forward RUN_DIR TYPE NAME NETNS ADDRESS TYPE NAME NETNS ADDRESS [QUEUES]
 * "-" stands for "none".  Prints "ready", forwards until its input ends, prints both ports' counters as "name counter value". */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>

#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "datapath/eal.h"
#include "datapath/port.h"

enum { IDLE_POLLS = 200 };

static const char *or_null(const char *text)
{
    return strcmp(text, "-") ? text : NULL;
}

static struct port *open_port(char **arg, uint16_t n_queues)
{
    int type = port_type_by_name(arg[0]);
    struct port_conf conf = {
        .name = arg[1],
        .type = (enum port_type)type,
        .netns = or_null(arg[2]),
        .addresses = { or_null(arg[3]) },
        .devargs = arg[1],
        .n_queues = n_queues,
    };
    struct port_handle h;
    struct errbuf e = { "" };
    struct port *p = NULL;

    if (type < 0 || port_acquire(&h, &conf, &e) || port_open(&p, &conf, &h, eal_pool(), &e)) {
        fprintf(stderr, "port_forward: %s\n", type < 0 ? "no such type" : e.text);
        exit(1);
    }
    return p;
}

static void print_port(struct port *p)
{
    struct port_stats s;
    struct port_status st;

    p->ops->stats(p, &s);
    p->ops->status(p, &st);
    printf("%s gone %d\n%s rx %llu\n%s tx %llu\n", p->name, st.is_gone, p->name, (unsigned long long)s.rx_packets,
           p->name, (unsigned long long)s.tx_packets);
    printf("%s rx_dropped %llu\n%s rx_errors %llu\n", p->name, (unsigned long long)s.rx_dropped, p->name,
           (unsigned long long)s.rx_errors);
    printf("%s tx_dropped %llu\n%s tx_errors %llu\n", p->name, (unsigned long long)s.tx_dropped, p->name,
           (unsigned long long)s.tx_errors);
}

static unsigned forward(struct port *from, struct port *to)
{
    struct rte_mbuf *frames[PORT_BURST];
    unsigned sum = 0;

    for (unsigned q = 0; q < from->n_queues; q++) {
        uint16_t n = from->ops->rx(from, q, frames, PORT_BURST);

        if (n)
            to->ops->tx(to, q % to->n_queues, frames, n);
        sum += n;
    }
    return sum;
}

static void watch(int ep, struct port *p)
{
    struct epoll_event ev = { .events = EPOLLIN };

    for (unsigned q = 0; q < p->n_queues; q++)
        if (p->rx_fd[q] >= 0)
            epoll_ctl(ep, EPOLL_CTL_ADD, p->rx_fd[q], &ev);
}

static int is_input_over(void)
{
    struct pollfd in = { .fd = 0, .events = POLLIN };

    return poll(&in, 1, 0) > 0;
}

int main(int argc, char **argv)
{
    struct eal_conf conf = { .run_dir = argc > 1 ? argv[1] : NULL };
    struct errbuf e = { "" };
    struct port *a, *b;
    unsigned idle = 0, loops = 0;
    int ep = epoll_create1(EPOLL_CLOEXEC);

    if (argc < 10) {
        fprintf(stderr, "port_forward: RUN_DIR and two times TYPE NAME NETNS ADDRESS\n");
        return 2;
    }
    if (eal_start(&conf, &e)) {
        fprintf(stderr, "port_forward: %s\n", e.text);
        return 1;
    }
    a = open_port(argv + 2, argc > 10 ? (uint16_t)atoi(argv[10]) : 1);
    b = open_port(argv + 6, argc > 10 ? (uint16_t)atoi(argv[10]) : 1);
    watch(ep, a);
    watch(ep, b);
    printf("ready\n");
    fflush(stdout);
    while (++loops % 1024 || !is_input_over()) {
        struct epoll_event ev;

        idle = forward(a, b) + forward(b, a) ? 0 : idle + 1;
        if (idle > IDLE_POLLS && epoll_wait(ep, &ev, 1, 100) == 0)
            loops = 1023; /* quiet: look at the input */
    }
    print_port(a);
    print_port(b);
    port_close(a);
    port_close(b);
    printf("mbufs lost %u\n", rte_mempool_in_use_count(eal_pool()));
    eal_stop();
    return 0;
}
