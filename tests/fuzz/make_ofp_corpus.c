/* SPDX-License-Identifier: Apache-2.0 */
/* make_ofp_corpus.c - writes seeds for fuzz_ofp_decode: random valid messages of every type, one file each.
 * Usage: make_ofp_corpus DIRECTORY */
#include "tests/support/ofp_random.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

enum { PER_TYPE = 20 };

static int write_seed(const char *dir, const struct ofp_msg *m, int number)
{
    char path[4096];
    struct wr w;
    FILE *f;
    int err = 0;

    snprintf(path, sizeof path, "%s/%s-%02d", dir, ofp_type_name(m->type), number);
    f = fopen(path, "wb");
    if (!f) {
        perror(path);
        return 1;
    }
    wr_init(&w);
    ofp_encode(&w, m);
    if (w.bad || fwrite(w.p, 1, w.len, f) != w.len)
        err = 1;
    if (fclose(f))
        err = 1;
    if (err)
        fprintf(stderr, "%s: cannot write the message\n", path);
    wr_fini(&w);
    return err;
}

int main(int argc, char **argv)
{
    struct arena arena;
    struct ofp_random r = { .seed = 7, .arena = &arena };
    int err = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: make_ofp_corpus DIRECTORY\n");
        return 2;
    }
    if (mkdir(argv[1], 0777) && errno != EEXIST) {
        perror(argv[1]);
        return 1;
    }
    arena_init(&arena);
    for (size_t t = 0; t < ofp_type_names.n_values && !err; t++) {
        for (int i = 0; i < PER_TYPE && !err; i++) {
            struct ofp_msg m;

            ofp_random(&m, (enum ofp_type)ofp_type_names.values[t].value, &r);
            err = write_seed(argv[1], &m, i);
            arena_reset(&arena);
        }
    }
    arena_fini(&arena);
    return err;
}
