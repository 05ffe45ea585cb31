/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_mutate.h - changes of messages that a fuzzer makes: by what is described (tests/support/ofp_random.h), so that
 * lengths stay right and numbers name what there is; by bytes, now and then, so that they do not. */
#ifndef TESTS_FUZZ_FUZZ_MUTATE_H
#define TESTS_FUZZ_FUZZ_MUTATE_H

#include "tests/fuzz/fuzz_kind.h"

/* libFuzzer's, or that of replay.c.  Returns the new length. */
size_t LLVMFuzzerMutate(uint8_t *p, size_t n, size_t max);

/* Ports, tables, groups, meters and bundles that there may be, and numbers at the edges. */
extern const uint64_t fuzz_likely[];
extern const size_t n_fuzz_likely;

/* Puts a random message of the kind at `p`; returns its length, 0: none that fits was found. */
size_t fuzz_make(uint8_t *p, size_t max, uint64_t seed, const struct fuzz_kind *k);
/* Changes the message at `p`, which need not be one; it is of the kind then.  Returns its length, at most `max`, which is
 * FUZZ_PREFIX or more. */
size_t fuzz_mutate(uint8_t *p, size_t n, size_t max, uint64_t seed, const struct fuzz_kind *k);

#endif
