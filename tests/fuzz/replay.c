/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c - runs a fuzz target over files, and over the files of directories; for compilers without libFuzzer and for CI.
 * Each file goes in whole, and once with every byte in turn changed, and cut off at every length. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* On the heap, exactly as long as said, so that a sanitizer sees every byte read outside. */
static void run(const uint8_t *p, size_t n, size_t change, uint8_t with)
{
    uint8_t *copy = malloc(n ? n : 1);

    if (!copy)
        abort();
    memcpy(copy, p, n);
    if (change < n)
        copy[change] ^= with;
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static int replay_file(const char *path)
{
    static uint8_t buf[1 << 17];
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f) {
        perror(path);
        return 1;
    }
    n = fread(buf, 1, sizeof buf, f);
    fclose(f);
    run(buf, n, SIZE_MAX, 0);
    for (size_t i = 0; i < n && i < 1024; i++) {
        run(buf, i, SIZE_MAX, 0);
        run(buf, n, i, 0xff);
        run(buf, n, i, 0x01);
        run(buf, n, i, 0x08);
    }
    return 0;
}

static int replay(const char *path)
{
    struct stat st;
    struct dirent *e;
    DIR *dir;
    int err = 0;

    if (stat(path, &st)) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(st.st_mode))
        return replay_file(path);
    dir = opendir(path);
    if (!dir) {
        perror(path);
        return 1;
    }
    while (!err && (e = readdir(dir))) {
        char name[4096];

        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.')
            err = replay(name);
    }
    closedir(dir);
    return err;
}

int main(int argc, char **argv)
{
    int err = 0;

    for (int i = 1; i < argc; i++)
        err |= replay(argv[i]);
    return err;
}
