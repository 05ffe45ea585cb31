/* SPDX-License-Identifier: Apache-2.0 */
/* make_frame_corpus.c - writes seeds for fuzz_parse: every form of frame of the unit tests, each with another seam and a few
 * changes.  Usage: make_frame_corpus DIRECTORY */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/datapath/frames.h"

static int write_seed(const char *dir, int i)
{
    struct frame f;
    uint8_t head[2 + 4 * 6] = { (uint8_t)(i * 11), 6 };
    char path[512];
    FILE *out;
    bool is_written;

    for (unsigned j = 2; j < sizeof head; j++)
        head[j] = (uint8_t)((unsigned)i * 37 + j * 59);
    frame_build(&f, &frame_forms[i], FRAME_DONE);
    if (snprintf(path, sizeof path, "%s/frame%02d", dir, i) >= (int)sizeof path)
        return -ENAMETOOLONG;
    out = fopen(path, "wb");
    if (!out)
        return -errno;
    is_written = fwrite(head, sizeof head, 1, out) == 1 && fwrite(f.b, f.n, 1, out) == 1;
    return fclose(out) || !is_written ? -EIO : 0;
}

int main(int argc, char **argv)
{
    if (argc != 2 || (mkdir(argv[1], 0777) && errno != EEXIST)) {
        fprintf(stderr, "usage: make_frame_corpus DIRECTORY\n");
        return 1;
    }
    for (int i = 0; i < FRAME_FORMS; i++) {
        int err = write_seed(argv[1], i);

        if (err) {
            fprintf(stderr, "%s: %s\n", argv[1], strerror(-err));
            return 1;
        }
    }
    return 0;
}
