/* SPDX-License-Identifier: Apache-2.0 */
/* lab_dir.c - see lab_dir.h. */
#include "tools/lab_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { LOCK_WAIT_MS = 2000, LOCK_AGAIN_MS = 10, DEPTH_FDS = 16 };

void lab_dir_path(char *out, const char *lab, enum lab_dir_file file)
{
    switch (file) {
    case LAB_DIR_LOCK:
        snprintf(out, PATH_MAX, LAB_ROOT "/%s/lab.lock", lab);
        break;
    case LAB_DIR_SOURCE:
        snprintf(out, PATH_MAX, LAB_ROOT "/%s/lab.source", lab);
        break;
    case LAB_DIR_DOCUMENT:
        snprintf(out, PATH_MAX, LAB_ROOT "/%s/%s.yaml", lab, lab);
        break;
    case LAB_DIR_UP:
        snprintf(out, PATH_MAX, LAB_ROOT "/%s/lab.up", lab);
        break;
    case LAB_DIR_SCRIPT:
        snprintf(out, PATH_MAX, LAB_ROOT "/%s/dhcp.script", lab);
        break;
    case LAB_DIR_FILES:
        break;
    }
}

static void dir_path(char *out, const char *lab)
{
    snprintf(out, PATH_MAX, LAB_ROOT "/%s", lab);
}

bool lab_dir_exists(const char *lab)
{
    char path[PATH_MAX];
    struct stat st;

    dir_path(path, lab);
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

bool lab_dir_is_up(const char *lab)
{
    char path[PATH_MAX];

    lab_dir_path(path, lab, LAB_DIR_UP);
    return !access(path, F_OK);
}

void lab_dir_source(const char *lab, char *out)
{
    char path[PATH_MAX];
    FILE *f;

    lab_dir_path(path, lab, LAB_DIR_SOURCE);
    f = fopen(path, "re");
    out[0] = '\0';
    if (!f)
        return;
    if (!fgets(out, PATH_MAX, f))
        out[0] = '\0';
    fclose(f);
}

int lab_dir_lock(struct daemon *d, const char *lab, struct errbuf *e)
{
    uint64_t end_ns = clock_now(NULL) + (uint64_t)LOCK_WAIT_MS * NSEC_PER_MS;
    char dir[PATH_MAX];

    dir_path(dir, lab);
    for (;;) {
        struct errbuf why = { { 0 } };
        int err = daemon_lock(d, "lab", dir, &why);

        if (!err)
            return 0;
        if (err == -EBUSY && clock_now(NULL) > end_ns)
            return errbuf_set(e, err, "lab %s: another `trama lab` is building it or taking it down", lab);
        if (err != -EBUSY && err != -ENOENT) /* the directory was removed in between */
            return errbuf_set(e, err, "%s", why.text);
        poll(NULL, 0, LOCK_AGAIN_MS);
    }
}

int lab_dir_write(const char *lab, enum lab_dir_file file, const char *text, size_t len, struct errbuf *e)
{
    char path[PATH_MAX], new[PATH_MAX];
    FILE *f;
    bool is_bad;

    lab_dir_path(path, lab, file);
    if (snprintf(new, sizeof new, "%s.new", path) >= (int)sizeof new)
        return errbuf_set(e, -ENAMETOOLONG, "%s: the path is too long", path);
    f = fopen(new, "we");
    if (!f)
        return errbuf_set(e, -errno, "%s cannot be written: %s", path, strerror(errno));
    is_bad = fwrite(text, 1, len, f) != len;
    is_bad |= fclose(f) != 0;
    if (is_bad || rename(new, path))
        return errbuf_set(e, -errno, "%s cannot be written: %s", path, strerror(errno));
    return 0;
}

/* nftw has no argument for its callback; set by lab_dir_clear alone, which runs in one thread. */
static const char *kept_lock;

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    if (!at->level || !strcmp(path, kept_lock))
        return 0;
    return remove(path) && errno != ENOENT ? -errno : 0;
}

int lab_dir_clear(const char *lab, struct errbuf *e)
{
    char dir[PATH_MAX], lock[PATH_MAX];
    int err;

    dir_path(dir, lab);
    lab_dir_path(lock, lab, LAB_DIR_LOCK);
    kept_lock = lock;
    err = nftw(dir, remove_entry, DEPTH_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    kept_lock = NULL;
    if (err == -1)
        err = errno == ENOENT ? 0 : -errno;
    return err ? errbuf_set(e, err, "%s cannot be removed: %s", dir, strerror(-err)) : 0;
}

int lab_dir_remove(struct daemon *d, const char *lab, struct errbuf *e)
{
    char path[PATH_MAX];
    int err = lab_dir_clear(lab, e);

    daemon_fini(d);
    if (err)
        return err;
    dir_path(path, lab);
    if (rmdir(path) && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST) /* the next one has it already */
        return errbuf_set(e, -errno, "%s cannot be removed: %s", path, strerror(errno));
    if (!rmdir(LAB_ROOT)) /* it was the last */
        rmdir("/run/trama");
    return 0;
}
