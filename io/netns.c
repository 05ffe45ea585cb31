/* SPDX-License-Identifier: Apache-2.0 */
/* netns.c - see netns.h.  A name is a file below /run/netns on which the kernel's file of the namespace is mounted. */
#include "io/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NETNS_DIR "/run/netns"
enum { PATH_SIZE = 256 };

static int path_of(char path[PATH_SIZE], const char *name, struct errbuf *e)
{
    if (strchr(name, '/')) {
        if (snprintf(path, PATH_SIZE, "%s", name) < PATH_SIZE)
            return 0;
    } else if (*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
        if (snprintf(path, PATH_SIZE, NETNS_DIR "/%s", name) < PATH_SIZE)
            return 0;
    }
    return errbuf_set(e, -EINVAL, "'%.64s' is not a possible name of a network namespace", name);
}

bool netns_exists(const char *name)
{
    int fd = netns_open(name, NULL);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

int netns_open(const char *name, struct errbuf *e)
{
    char path[PATH_SIZE] = "/proc/thread-self/ns/net";
    int err = name ? path_of(path, name, e) : 0, fd;

    if (err)
        return err;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? errbuf_set(e, -errno, "network namespace %s: %s", name ? name : "of this process", strerror(errno))
                  : fd;
}

int netns_enter(const char *name, struct errbuf *e)
{
    int fd = netns_open(name, e), err = 0;

    if (fd < 0)
        return fd;
    if (setns(fd, CLONE_NEWNET))
        err = errbuf_set(e, -errno, "network namespace %s: %s", name ? name : "of this process", strerror(errno));
    close(fd);
    return err;
}

struct run {
    const char *name; /* NULL: a new one */
    int (*fn)(void *arg);
    void *arg;
    int result;
    struct errbuf *e;
};

static void *run_thread(void *arg)
{
    struct run *r = arg;

    r->result = netns_enter(r->name, r->e);
    if (!r->result)
        r->result = r->fn(r->arg);
    return NULL;
}

static int thread_run(void *(*body)(void *), struct run *r)
{
    pthread_t thread;
    int err = pthread_create(&thread, NULL, body, r);

    if (err)
        return errbuf_set(r->e, -err, "no thread for a network namespace: %s", strerror(err));
    pthread_join(thread, NULL);
    return r->result;
}

int netns_run(const char *name, int (*fn)(void *arg), void *arg, struct errbuf *e)
{
    return thread_run(run_thread, &(struct run){ .name = name, .fn = fn, .arg = arg, .e = e });
}

static int loopback_up(void)
{
    struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

    if (fd < 0)
        return -errno;
    err = ioctl(fd, SIOCSIFFLAGS, &r) ? -errno : 0;
    close(fd);
    return err;
}

/* In a thread of its own: becomes a new namespace and hangs it on the file. */
static void *create_thread(void *arg)
{
    struct run *r = arg;

    r->result = unshare(CLONE_NEWNET) ? -errno : loopback_up();
    if (!r->result && mount("/proc/thread-self/ns/net", r->arg, "none", MS_BIND, NULL))
        r->result = -errno;
    return NULL;
}

/* The directory is a mount of its own and shared, so that names are seen, and go away, in every mount namespace. */
static int dir_prepare(void)
{
    if (mkdir(NETNS_DIR, 0755) && errno != EEXIST)
        return -errno;
    if (!mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL))
        return 0;
    if (errno != EINVAL || mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL))
        return -errno;
    return mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) ? -errno : 0;
}

int netns_create(const char *name, struct errbuf *e)
{
    struct run r = { .e = e };
    char path[PATH_SIZE];
    int err = path_of(path, name, e), fd;

    if (err)
        return err;
    err = dir_prepare();
    if (err)
        return errbuf_set(e, err, NETNS_DIR ": %s", strerror(-err));
    fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0)
        return errbuf_set(e, -errno, "network namespace %s: %s", name, strerror(errno));
    close(fd);
    r.arg = path;
    err = thread_run(create_thread, &r);
    if (err) {
        unlink(path);
        return errbuf_set(e, err, "network namespace %s: %s", name, strerror(-err));
    }
    return 0;
}

int netns_delete(const char *name, struct errbuf *e)
{
    char path[PATH_SIZE];
    int err = path_of(path, name, e);

    if (err)
        return err;
    if (umount2(path, MNT_DETACH) && errno != EINVAL && errno != ENOENT)
        return errbuf_set(e, -errno, "network namespace %s: %s", name, strerror(errno));
    if (unlink(path) && errno != ENOENT)
        return errbuf_set(e, -errno, "network namespace %s: %s", name, strerror(errno));
    return 0;
}
