/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_kind.h - what a fuzzer calls a type of message: those of OpenFlow, and each kind of multipart and experimenter's
 * message on its own: "flow_mod", "multipart_request-port_stats", "experimenter-onf-bundle_control". */
#ifndef TESTS_FUZZ_FUZZ_KIND_H
#define TESTS_FUZZ_FUZZ_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openflow/ofp.h"

enum { FUZZ_PREFIX = 16, FUZZ_KINDS_MAX = 128 };

struct fuzz_kind {
    char name[80];
    enum ofp_type type;
    uint8_t prefix[FUZZ_PREFIX]; /* how such a message begins, but for length and xid */
    size_t n_prefix;
};

size_t fuzz_kinds(struct fuzz_kind out[FUZZ_KINDS_MAX]); /* all of them */
bool fuzz_kind_is(const struct fuzz_kind *k, const uint8_t *p, size_t n);
/* Makes of `n` bytes, at least n_prefix, a message of that kind, as far as its first bytes say. */
void fuzz_kind_pin(const struct fuzz_kind *k, uint8_t *p, size_t n);

#endif
