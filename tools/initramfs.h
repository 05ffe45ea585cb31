/* SPDX-License-Identifier: Apache-2.0 */
/* initramfs.h - writes the archive that a kernel takes its first files from.
 * Spec: "newc" of cpio(5), the kernel's Documentation/driver-api/early-userspace/buffer-format.   Thread: one a writer. */
#ifndef TOOLS_INITRAMFS_H
#define TOOLS_INITRAMFS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/errbuf.h"

struct initramfs {
    FILE *file;
    const char *path; /* borrowed */
    uint32_t inode;   /* of the last entry */
    int err;          /* of the first failure; from then on nothing is written */
    struct errbuf *e;
};

/* Makes the file (or empties it).  Every function below remembers failure; initramfs_close tells it. */
void initramfs_open(struct initramfs *a, const char *path, struct errbuf *e);
void initramfs_dir(struct initramfs *a, const char *name); /* "bin": without '/' before it; parents first */
void initramfs_file(struct initramfs *a, const char *name, uint32_t mode, const char *from);
void initramfs_device(struct initramfs *a, const char *name, uint32_t major, uint32_t minor); /* a character device */
/* 0, or a negative errno with `e` set; the file is removed then. */
int initramfs_close(struct initramfs *a);

#endif
