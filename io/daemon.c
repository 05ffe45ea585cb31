/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.c - see daemon.h. */
#include "io/daemon.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void daemon_init(struct daemon *d)
{
    *d = (struct daemon){ .lock_fd = -1, .ready_fd = -1 };
}

void daemon_fini(struct daemon *d)
{
    if (d->pidfile[0])
        unlink(d->pidfile);
    if (d->lock_fd >= 0) {
        unlink(d->lock_path);
        close(d->lock_fd);
    }
    if (d->ready_fd >= 0)
        close(d->ready_fd);
    daemon_init(d);
}

void daemon_take_descriptors(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r))
        return;
    r.rlim_cur = r.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &r))
        log_warning("the limit of descriptors stays as it is: %s", strerror(errno));
}

int daemon_detach(struct daemon *d)
{
    int fds[2];
    char ok = 0;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC))
        return -errno;
    pid = fork();
    if (pid < 0) {
        int err = -errno;

        close(fds[0]);
        close(fds[1]);
        return err;
    }
    if (pid) {
        close(fds[1]);
        exit(read(fds[0], &ok, 1) == 1 ? 0 : 1);
    }
    close(fds[0]);
    d->ready_fd = fds[1];
    setsid();
    return 0;
}

static int make_dirs(const char *path, struct errbuf *e)
{
    char dir[DAEMON_PATH_SIZE];

    if (snprintf(dir, sizeof dir, "%s", path) >= (int)sizeof dir)
        return errbuf_set(e, -ENAMETOOLONG, "run_dir %.80s...: the path is too long", path);
    for (char *p = dir + 1;; p++) {
        bool is_end = !*p;

        if (*p != '/' && !is_end)
            continue;
        *p = '\0';
        if (mkdir(dir, 0755) && errno != EEXIST)
            return errbuf_set(e, -errno, "run_dir %s cannot be made: %s", dir, strerror(errno));
        if (is_end)
            return 0;
        *p = '/';
    }
}

/* Who held the lock before may have taken the file away between our open and our lock: then it is not the one at the path. */
static bool is_file_at(int fd, const char *path)
{
    struct stat ours, there;

    return !fstat(fd, &ours) && !stat(path, &there) && ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

/* Opens and locks the file.  Gives the descriptor, or a negative errno. */
static int lock_file(const char *path, const char *program, const char *run_dir, struct errbuf *e)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        char pid[32];
        ssize_t n;

        if (fd < 0)
            return errbuf_set(e, -errno, "%s cannot be opened: %s", path, strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB)) {
            n = read(fd, pid, sizeof pid - 1);
            pid[n > 0 ? n - 1 : 0] = '\0';
            close(fd);
            return errbuf_set(e, -EBUSY, "%s runs already in %s (process %s)", program, run_dir, pid);
        }
        if (is_file_at(fd, path))
            return fd;
        close(fd);
    }
}

int daemon_lock(struct daemon *d, const char *program, const char *run_dir, struct errbuf *e)
{
    int err = make_dirs(run_dir, e);
    char pid[32];
    int fd;

    if (err)
        return err;
    if (snprintf(d->lock_path, sizeof d->lock_path, "%s/%s.lock", run_dir, program) >= (int)sizeof d->lock_path)
        return errbuf_set(e, -ENAMETOOLONG, "run_dir %.80s...: the path is too long", run_dir);
    fd = lock_file(d->lock_path, program, run_dir, e);
    if (fd < 0)
        return fd;
    snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) || pwrite(fd, pid, strlen(pid), 0) < 0) {
        err = errbuf_set(e, -errno, "%s cannot be written: %s", d->lock_path, strerror(errno));
        close(fd);
        return err;
    }
    d->lock_fd = fd;
    return 0;
}

int daemon_write_pidfile(struct daemon *d, const char *path, struct errbuf *e)
{
    FILE *f;

    if (!path)
        return 0;
    if (strlen(path) >= sizeof d->pidfile)
        return errbuf_set(e, -ENAMETOOLONG, "pidfile %.80s...: the path is too long", path);
    f = fopen(path, "we");
    if (f)
        fprintf(f, "%ld\n", (long)getpid());
    if (!f || fclose(f))
        return errbuf_set(e, -errno, "pidfile %s cannot be written: %s", path, strerror(errno));
    snprintf(d->pidfile, sizeof d->pidfile, "%s", path);
    return 0;
}

/* The notification protocol of systemd: a datagram to $NOTIFY_SOCKET. */
static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t len = path ? strlen(path) : 0;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    int fd;

    if (!len || len >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, size) < 0)
        log_warning("the service manager could not be told %s: %s", text, strerror(errno));
    close(fd);
}

void daemon_tell_ready(struct daemon *d)
{
    int null;

    notify("READY=1");
    if (d->ready_fd < 0)
        return;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (write(d->ready_fd, "1", 1) != 1)
        log_warning("the process that started us has gone");
    close(d->ready_fd);
    d->ready_fd = -1;
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

void daemon_tell_stopping(void)
{
    notify("STOPPING=1");
}
