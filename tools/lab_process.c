/* SPDX-License-Identifier: Apache-2.0 */
/* lab_process.c - see lab_process.h. */
#include "tools/lab_process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/netns.h"
#include "tools/lab.h"

enum { START_MS = 30000, POLITE_MS = 3000, END_MS = 10000, ENVIRON_MAX = 1 << 20, BATCH = 256, NETNS_MAX = 8192 };
#define NETNS_DIR "/run/netns"

int lab_process_begin(const char *lab, const char *netns, struct errbuf *e)
{
    if (setenv(LAB_VARIABLE, lab, 1))
        return errbuf_set(e, -errno, "the environment cannot be set: %s", strerror(errno));
    return netns ? netns_enter(netns, e) : 0;
}

/* --- interrupts --- */

static volatile sig_atomic_t is_interrupted; /* set by the signal handler, read by the one thread */

static void on_interrupt(int signo)
{
    is_interrupted = 1;
}

void lab_process_catch_interrupts(void)
{
    const struct sigaction on = { .sa_handler = on_interrupt }; /* no SA_RESTART */

    sigaction(SIGINT, &on, NULL);
    sigaction(SIGTERM, &on, NULL);
    sigaction(SIGHUP, &on, NULL);
}

bool lab_process_is_interrupted(void)
{
    return is_interrupted;
}

/* --- running a program to its end --- */

static void child_main(const char *lab, const char *netns, const char *const argv[], int err_fd, pid_t parent)
{
    struct errbuf e = { { 0 } };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    dup2(null, 0);
    dup2(null, 1);
    dup2(err_fd, 2);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    if (lab_process_begin(lab, netns, &e))
        dprintf(2, "%s\n", e.text);
    else if (execv(argv[0], (char *const *)argv))
        dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* What it says on stderr, until everybody has closed it; -ETIMEDOUT. */
static int read_all(int fd, struct str *out)
{
    uint64_t end_ns = clock_now(NULL) + (uint64_t)START_MS * NSEC_PER_MS;
    char buf[512];

    for (;;) {
        uint64_t now = clock_now(NULL);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int n = now >= end_ns ? 0 : poll(&p, 1, (int)((end_ns - now) / NSEC_PER_MS) + 1);
        ssize_t len;

        if (n <= 0)
            return n ? -errno : -ETIMEDOUT; /* -EINTR: the user wants us to end */
        len = read(fd, buf, sizeof buf);
        if (len <= 0)
            return len ? -errno : 0;
        str_add_len(out, buf, (size_t)len);
    }
}

/* The last line that says something. */
static const char *last_line(struct str *s)
{
    char *line;

    while (s->len && isspace((unsigned char)s->s[s->len - 1]))
        str_cut(s, s->len - 1);
    line = s->s ? strrchr(s->s, '\n') : NULL;
    return line ? line + 1 : str_text(s);
}

int lab_process_run(const char *lab, const char *netns, const char *const argv[], struct errbuf *e)
{
    pid_t parent = getpid(), pid;
    struct str said = { 0 };
    int fds[2], status = 0, err;

    if (pipe2(fds, O_CLOEXEC))
        return errbuf_set(e, -errno, "%s: no pipe: %s", argv[0], strerror(errno));
    pid = fork();
    if (!pid)
        child_main(lab, netns, argv, fds[1], parent);
    err = pid < 0 ? -errno : 0;
    close(fds[1]);
    if (!err)
        err = read_all(fds[0], &said);
    close(fds[0]);
    if (pid > 0) {
        if (err)
            kill(pid, SIGKILL); /* our child, not waited for yet: the number is its own */
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    if (err)
        errbuf_set(e, err, "%s: %s", argv[0], err == -ETIMEDOUT ? "does not start" : strerror(-err));
    else if (WIFSIGNALED(status))
        err = errbuf_set(e, -ECHILD, "%s: ended by signal %d", argv[0], WTERMSIG(status));
    else if (WEXITSTATUS(status))
        err = errbuf_set(e, -ECHILD, "%s", said.len ? last_line(&said) : argv[0]);
    str_fini(&said);
    return err;
}

/* --- finding --- */

struct netns_id {
    dev_t dev;
    ino_t ino;
};

struct finder {
    const char *lab;
    char mark[sizeof LAB_VARIABLE + LAB_NAME_SIZE];
    struct netns_id netns[NETNS_MAX];
    size_t n_netns;
    char environ[ENVIRON_MAX];
};

static bool is_netns_of(const char *lab, const char *name)
{
    size_t len = strlen(lab);

    return !strncmp(name, lab, len) && (name[len] == ':' || name[len] == '@');
}

int lab_process_netns(const char *lab, int (*fn)(void *arg, const char *name), void *arg)
{
    struct dirent **entries = NULL;
    int n = scandir(NETNS_DIR, &entries, NULL, alphasort), err = 0;

    for (int i = 0; i < n; i++) {
        if (!err && is_netns_of(lab, entries[i]->d_name))
            err = fn(arg, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return err;
}

/* A name for the namespace of the machine itself is not a lab's, whoever made it. */
static bool is_machine(const struct stat *st)
{
    struct stat init;

    return !stat("/proc/1/ns/net", &init) && st->st_ino == init.st_ino && st->st_dev == init.st_dev;
}

static int add_netns(void *arg, const char *name)
{
    struct finder *f = arg;
    struct stat st;
    int fd = netns_open(name, NULL);

    if (fd < 0)
        return 0;
    if (f->n_netns < NETNS_MAX && !fstat(fd, &st) && !is_machine(&st))
        f->netns[f->n_netns++] = (struct netns_id){ st.st_dev, st.st_ino };
    close(fd);
    return 0;
}

static struct finder *finder_new(const char *lab)
{
    struct finder *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->lab = lab;
    snprintf(f->mark, sizeof f->mark, "%s=%s", LAB_VARIABLE, lab);
    lab_process_netns(lab, add_netns, f);
    return f;
}

static bool is_marked(struct finder *f, const char *pid)
{
    char path[64];
    size_t len = 0;
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (len < sizeof f->environ - 1 && (n = read(fd, f->environ + len, sizeof f->environ - 1 - len)) > 0)
        len += (size_t)n;
    close(fd);
    f->environ[len] = '\0';
    for (const char *p = f->environ; p < f->environ + len; p += strlen(p) + 1)
        if (!strcmp(p, f->mark))
            return true;
    return false;
}

static bool is_inside(const struct finder *f, const char *pid)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof path, "/proc/%.20s/ns/net", pid);
    if (stat(path, &st))
        return false;
    for (size_t i = 0; i < f->n_netns; i++)
        if (f->netns[i].ino == st.st_ino && f->netns[i].dev == st.st_dev)
            return true;
    return false;
}

static bool is_of_lab(struct finder *f, const char *pid)
{
    return is_inside(f, pid) || is_marked(f, pid);
}

/* A pidfd of the process if it is one of the lab's, else negative. */
static int open_if_of_lab(struct finder *f, const char *pid)
{
    int fd = (int)syscall(SYS_pidfd_open, atoi(pid), 0);

    if (fd >= 0 && !is_of_lab(f, pid)) {
        close(fd);
        return -ESRCH;
    }
    return fd;
}

/* pidfds of at most BATCH of them. */
static int find_all(struct finder *f, struct pollfd fds[BATCH])
{
    DIR *dir = opendir("/proc");
    const struct dirent *d;
    int n = 0;

    while (dir && n < BATCH && (d = readdir(dir))) {
        int fd = isdigit((unsigned char)d->d_name[0]) ? open_if_of_lab(f, d->d_name) : -1;

        if (fd >= 0)
            fds[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
    }
    if (dir)
        closedir(dir);
    return n;
}

/* --- ending --- */

/* Sends the signal and waits until all have ended or the time is over. */
static void end_batch(struct pollfd *fds, int n, int signo, uint64_t end_ns)
{
    int n_left = n;

    for (int i = 0; i < n; i++)
        syscall(SYS_pidfd_send_signal, fds[i].fd, signo, NULL, 0);
    while (n_left) {
        uint64_t now = clock_now(NULL);

        if (now >= end_ns || (poll(fds, (nfds_t)n, (int)((end_ns - now) / NSEC_PER_MS) + 1) < 0 && errno != EINTR))
            break;
        for (int i = 0; i < n; i++)
            if (fds[i].fd >= 0 && fds[i].revents) {
                close(fds[i].fd);
                fds[i] = (struct pollfd){ .fd = -1 };
                n_left--;
            }
    }
    for (int i = 0; i < n; i++)
        if (fds[i].fd >= 0)
            close(fds[i].fd);
}

int lab_process_end_all(const char *lab, struct errbuf *e)
{
    uint64_t start_ns = clock_now(NULL), now = start_ns;
    uint64_t polite_ns = start_ns + (uint64_t)POLITE_MS * NSEC_PER_MS;
    uint64_t end_ns = start_ns + (uint64_t)END_MS * NSEC_PER_MS;
    struct finder *f = finder_new(lab);
    struct pollfd fds[BATCH];
    int n, err = 0;

    if (!f)
        return errbuf_set(e, -ENOMEM, "not enough memory");
    if (is_of_lab(f, "self"))
        err = errbuf_set(e, -EBUSY, "lab %s: this command runs inside of it; leave it first", lab);
    while (!err && (n = find_all(f, fds)) > 0) {
        end_batch(fds, n, now < polite_ns ? SIGTERM : SIGKILL, now < polite_ns ? polite_ns : end_ns);
        now = clock_now(NULL);
        if (now >= end_ns)
            err = errbuf_set(e, -ETIMEDOUT, "lab %s: %d processes do not end", lab, n);
    }
    free(f);
    return err;
}

bool lab_process_is_locked(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;

    if (fd >= 0)
        close(fd);
    return is_locked;
}
