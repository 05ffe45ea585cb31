/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_kind.c - see fuzz_kind.h. */
#include "tests/fuzz/fuzz_kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kinds {
    struct fuzz_kind *list;
    size_t n;
};

static struct fuzz_kind *add(struct kinds *k, enum ofp_type type, const char *of, const char *name)
{
    struct fuzz_kind *x = &k->list[k->n++];

    if (k->n > FUZZ_KINDS_MAX)
        abort();
    *x = (struct fuzz_kind){ .type = type, .n_prefix = OFP_HEADER_SIZE };
    snprintf(x->name, sizeof x->name, "%s%s%s%s%s", ofp_type_name(type), of ? "-" : "", of ? of : "", name ? "-" : "",
             name ? name : "");
    x->prefix[0] = OFP_VERSION_13;
    x->prefix[1] = (uint8_t)type;
    return x;
}

static void add_parts(struct kinds *k, enum ofp_type type)
{
    for (size_t i = 0; i < ofp_multipart_type_names.n_values; i++) {
        struct fuzz_kind *x = add(k, type, ofp_multipart_type_names.values[i].name, NULL);

        be16_store(x->prefix + x->n_prefix, (uint16_t)ofp_multipart_type_names.values[i].value);
        x->n_prefix += sizeof(uint16_t);
    }
}

static void add_experimenter(struct kinds *k, const char *who, uint32_t experimenter, const struct ofp_enum *types)
{
    for (size_t i = 0; i < types->n_values; i++) {
        struct fuzz_kind *x = add(k, OFPT_EXPERIMENTER, who, types->values[i].name);

        be32_store(x->prefix + x->n_prefix, experimenter);
        be32_store(x->prefix + x->n_prefix + sizeof(uint32_t), types->values[i].value);
        x->n_prefix += 2 * sizeof(uint32_t);
    }
}

size_t fuzz_kinds(struct fuzz_kind out[FUZZ_KINDS_MAX])
{
    struct kinds k = { .list = out };

    for (size_t i = 0; i < ofp_type_names.n_values; i++) {
        enum ofp_type type = (enum ofp_type)ofp_type_names.values[i].value;

        if (type == OFPT_MULTIPART_REQUEST || type == OFPT_MULTIPART_REPLY) {
            add_parts(&k, type);
        } else if (type == OFPT_EXPERIMENTER) {
            add_experimenter(&k, "onf", OFPEXP_ONF, &ofp_onf_type_names);
            add_experimenter(&k, "nicira", OFPEXP_NICIRA, &ofp_nx_type_names);
        } else {
            add(&k, type, NULL, NULL);
        }
    }
    return k.n;
}

bool fuzz_kind_is(const struct fuzz_kind *k, const uint8_t *p, size_t n)
{
    return n >= k->n_prefix && !memcmp(p, k->prefix, 2) &&
           !memcmp(p + OFP_HEADER_SIZE, k->prefix + OFP_HEADER_SIZE, k->n_prefix - OFP_HEADER_SIZE);
}

void fuzz_kind_pin(const struct fuzz_kind *k, uint8_t *p, size_t n)
{
    memcpy(p, k->prefix, 2);
    be16_store(p + 2, (uint16_t)n);
    memcpy(p + OFP_HEADER_SIZE, k->prefix + OFP_HEADER_SIZE, k->n_prefix - OFP_HEADER_SIZE);
}
