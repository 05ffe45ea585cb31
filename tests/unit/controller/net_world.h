/* SPDX-License-Identifier: Apache-2.0 */
/* net_world.h - for tests of the compiler: a network document, and a view of its switches in which every port that it names is
 * there and every link is up; and a reproducible source of choices. */
#ifndef TESTS_UNIT_CONTROLLER_NET_WORLD_H
#define TESTS_UNIT_CONTROLLER_NET_WORLD_H

#include "controller/compiler.h"

enum { SWITCHES_MAX = 6, WORLD_PORTS_MAX = 64 };

struct world {
    struct net_doc *doc;
    struct view_switch switches[SWITCHES_MAX];
    struct view_port ports[SWITCHES_MAX][WORLD_PORTS_MAX];
    bool link_is_up[64];
    struct view view;
};

void world_init(struct world *w, const char *text);
void world_fini(struct world *w);
uint32_t host_port(const struct world *w, int host); /* the number */

void world_seed(unsigned round); /* of pick() */
unsigned pick(unsigned n);       /* 0 .. n - 1 */

#endif
