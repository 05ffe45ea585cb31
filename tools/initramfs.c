/* SPDX-License-Identifier: Apache-2.0 */
/* initramfs.c - see initramfs.h. */
#include "tools/initramfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
    const char *name;
    uint32_t mode, size, major, minor;
};

static void failed(struct initramfs *a, const char *path, int err)
{
    if (!a->err)
        a->err = errbuf_set(a->e, -err, "%s: %s", path, strerror(err));
}

static void put(struct initramfs *a, const void *p, size_t n)
{
    if (!a->err && n && fwrite(p, n, 1, a->file) != 1)
        failed(a, a->path, errno ? errno : EIO);
}

/* Everything begins at a multiple of four bytes. */
static void pad(struct initramfs *a, size_t written)
{
    put(a, "\0\0\0", (4 - written % 4) % 4);
}

static void head_put(struct initramfs *a, const struct entry *n)
{
    size_t name_size = strlen(n->name) + 1;
    char head[111];

    snprintf(head, sizeof head, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ++a->inode, n->mode, 0U,
             0U, 1U, 0U, n->size, 0U, 0U, n->major, n->minor, (uint32_t)name_size, 0U);
    put(a, head, sizeof head - 1);
    put(a, n->name, name_size);
    pad(a, sizeof head - 1 + name_size);
}

void initramfs_open(struct initramfs *a, const char *path, struct errbuf *e)
{
    *a = (struct initramfs){ .path = path, .e = e };
    a->file = fopen(path, "wbe");
    if (!a->file)
        failed(a, path, errno);
}

void initramfs_dir(struct initramfs *a, const char *name)
{
    head_put(a, &(struct entry){ .name = name, .mode = S_IFDIR | 0755 });
}

void initramfs_device(struct initramfs *a, const char *name, uint32_t major, uint32_t minor)
{
    head_put(a, &(struct entry){ .name = name, .mode = S_IFCHR | 0600, .major = major, .minor = minor });
}

void initramfs_file(struct initramfs *a, const char *name, uint32_t mode, const char *from)
{
    int fd = a->err ? -1 : open(from, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char buffer[64 << 10];
    uint32_t left;

    if (fd < 0 || fstat(fd, &st) || st.st_size > UINT32_MAX) {
        failed(a, from, fd >= 0 && st.st_size > UINT32_MAX ? EFBIG : errno);
        if (fd >= 0)
            close(fd);
        return;
    }
    left = (uint32_t)st.st_size;
    head_put(a, &(struct entry){ .name = name, .mode = S_IFREG | mode, .size = left });
    while (left && !a->err) {
        ssize_t n = read(fd, buffer, left < sizeof buffer ? left : sizeof buffer);

        if (n <= 0) /* shorter than it was */
            failed(a, from, n ? errno : EIO);
        else
            put(a, buffer, (size_t)n);
        left -= n > 0 ? (uint32_t)n : 0;
    }
    pad(a, (size_t)st.st_size);
    close(fd);
}

int initramfs_close(struct initramfs *a)
{
    head_put(a, &(struct entry){ .name = "TRAILER!!!" });
    if (a->file && fclose(a->file))
        failed(a, a->path, errno);
    if (a->err && a->file)
        unlink(a->path);
    a->file = NULL;
    return a->err;
}
