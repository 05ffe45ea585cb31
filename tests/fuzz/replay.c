/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c - runs a fuzz target over files, and over the files of directories; for compilers without libFuzzer and for CI.
 * Each file goes in whole.  Then, if the target changes its inputs itself, a change of it, the same in every run;
 * else once with every byte in turn changed, and cut off at every length. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
size_t LLVMFuzzerMutate(uint8_t *p, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t n, size_t max, unsigned seed) __attribute__((weak));

enum { CHANGES = 1, CHANGED_MAX = 8192 };

/* A byte changed, one less or one more. */
size_t LLVMFuzzerMutate(uint8_t *p, size_t n, size_t max)
{
    static uint32_t seed = 1;

    seed = seed * 1664525 + 1013904223;
    if (n < max && (!n || seed >> 28 == 0))
        p[n++] = (uint8_t)(seed >> 16);
    else if (seed >> 28 == 1)
        n--;
    else
        p[(seed >> 8) % n] ^= (uint8_t)(1u << (seed >> 28) % 8);
    return n;
}

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

static void run_changes(const uint8_t *p, size_t n)
{
    static uint8_t copy[CHANGED_MAX];
    static unsigned seed;

    if (n > sizeof copy)
        return;
    memcpy(copy, p, n);
    for (int i = 0; i < CHANGES; i++) {
        n = LLVMFuzzerCustomMutator(copy, n, sizeof copy, ++seed);
        run(copy, n, SIZE_MAX, 0);
    }
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
    if (LLVMFuzzerCustomMutator) {
        run_changes(buf, n);
        return 0;
    }
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
