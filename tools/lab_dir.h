/* SPDX-License-Identifier: Apache-2.0 */
/* lab_dir.h - the directory of a lab: what says that a lab is there, whether it is whole, and who works on it. */
#ifndef TOOLS_LAB_DIR_H
#define TOOLS_LAB_DIR_H

#include "io/daemon.h"
#include "tools/lab.h"

enum lab_dir_file {
    LAB_DIR_LOCK,     /* held by the `trama lab up` or `down` that works on the lab */
    LAB_DIR_SOURCE,   /* the path of the document */
    LAB_DIR_DOCUMENT, /* its copy, LAB.yaml */
    LAB_DIR_UP,       /* there when the lab is whole */
    LAB_DIR_SCRIPT,   /* what the hosts' DHCP clients run */
    LAB_DIR_FILES
};
/* The path of it; `out` has PATH_MAX bytes. */
void lab_dir_path(char *out, const char *lab, enum lab_dir_file file);
bool lab_dir_exists(const char *lab);
bool lab_dir_is_up(const char *lab);
/* "": not known; `out` has PATH_MAX bytes. */
void lab_dir_source(const char *lab, char *out);

/* Makes the directory with what is above it and takes the lock, which daemon_fini gives back.
 * -EBUSY: another process works on the lab, and still does after two seconds. */
int lab_dir_lock(struct daemon *d, const char *lab, struct errbuf *e);
/* Writes one of its files as a whole, or not at all. */
int lab_dir_write(const char *lab, enum lab_dir_file file, const char *text, size_t len, struct errbuf *e);
/* Removes all files but the lock, which must be held. */
int lab_dir_clear(const char *lab, struct errbuf *e);
/* Removes everything, and gives the lock back. */
int lab_dir_remove(struct daemon *d, const char *lab, struct errbuf *e);

#endif
