/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_census.h - who names whom, worked out from what a switch tells of its flows, groups and meters, and compared with
 * what it says itself.  An abort() tells of a difference. */
#ifndef TESTS_FUZZ_FUZZ_CENSUS_H
#define TESTS_FUZZ_FUZZ_CENSUS_H

#include <stddef.h>
#include <stdint.h>

#include "openflow/ofp.h"

/* A group or a meter. */
struct fuzz_named {
    uint32_t id, said, counted;
    uint64_t mark; /* of what counted it last */
};

struct fuzz_names {
    struct fuzz_named *list;
    size_t n;
};

struct fuzz_census {
    struct fuzz_names groups, meters;
    size_t n_group_descs, n_meter_configs, n_flows, n_flows_said;
    uint64_t mark;
};

void fuzz_census_init(struct fuzz_census *c);
void fuzz_census_fini(struct fuzz_census *c);
/* Takes in a reply: groups and meters (stats) first, then what may name them. */
void fuzz_census_take(struct fuzz_census *c, const struct ofp_msg *m);
void fuzz_census_check(const struct fuzz_census *c); /* when all is told */

#endif
