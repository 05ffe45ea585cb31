/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - one line, one write(2), so that lines of several threads never mix; see log.h. */
#include "base/log.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 2048 };

/* File-scope state, because any function of any thread may log: `lock` guards the fields, `log_most` is atomic. */
static struct {
    pthread_mutex_t lock;
    const char *program;
    char *path;
    int fd;
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER, .program = "trama", .fd = STDERR_FILENO };
static _Atomic int log_most = LOG_INFORM;

static const struct {
    const char *name;
    int priority; /* RFC 5424, 6.2.1 */
} levels[] = {
    [LOG_ERROR] = { "error", 3 }, [LOG_WARNING] = { "warning", 4 }, [LOG_NOTICE] = { "notice", 5 },
    [LOG_INFORM] = { "info", 6 }, [LOG_DETAIL] = { "debug", 7 },
};
static_assert(sizeof levels / sizeof *levels == LOG_LEVELS, "name every level");

static int sink_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

    return fd < 0 ? -errno : fd;
}

/* Puts `fd` in place of the one in use. */
static void sink_swap(int fd)
{
    pthread_mutex_lock(&sink.lock);
    int old = sink.fd;
    sink.fd = fd;
    pthread_mutex_unlock(&sink.lock);
    if (old != STDERR_FILENO)
        close(old);
}

int log_open(const char *program, const char *path)
{
    char *copy = NULL;
    int fd = STDERR_FILENO;

    if (path) {
        copy = strdup(path);
        fd = copy ? sink_open(path) : -ENOMEM;
        if (fd < 0) {
            free(copy);
            return fd;
        }
    }
    sink_swap(fd);
    pthread_mutex_lock(&sink.lock);
    free(sink.path);
    sink.path = copy;
    sink.program = program;
    pthread_mutex_unlock(&sink.lock);
    return 0;
}

int log_reopen(void)
{
    if (!sink.path)
        return 0;

    int fd = sink_open(sink.path);

    if (fd < 0)
        return fd;
    sink_swap(fd);
    return 0;
}

void log_close(void)
{
    sink_swap(STDERR_FILENO);
    pthread_mutex_lock(&sink.lock);
    free(sink.path);
    sink.path = NULL;
    pthread_mutex_unlock(&sink.lock);
}

void log_set_level(enum log_level most)
{
    log_most = (int)most;
}

bool log_is_on(enum log_level level)
{
    return (int)level <= log_most;
}

const char *log_level_name(enum log_level level)
{
    return levels[level].name;
}

int log_level_by_name(const char *name)
{
    for (int i = 0; i < LOG_LEVELS; i++)
        if (!strcmp(levels[i].name, name))
            return i;
    return -ENOENT;
}

/* systemd names the stream it reads from in the environment: "DEVICE:INODE". */
static bool is_journal(int fd)
{
    const char *want = getenv("JOURNAL_STREAM");
    char have[64];
    struct stat st;

    if (!want || fstat(fd, &st))
        return false;
    snprintf(have, sizeof have, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return !strcmp(want, have);
}

static size_t head_format(char *line, size_t size, enum log_level level)
{
    if (is_journal(sink.fd))
        return (size_t)snprintf(line, size, "<%d>", levels[level].priority);

    uint64_t now = clock_wall_ns();
    time_t seconds = (time_t)(now / NSEC_PER_S);
    struct tm tm;
    char date[32];

    gmtime_r(&seconds, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    return (size_t)snprintf(line, size, "%s.%03uZ %s %.32s: ", date, (unsigned)(now % NSEC_PER_S / NSEC_PER_MS),
                            levels[level].name, sink.program);
}

/* Peers choose some of what is logged: they shall not forge lines or drive a terminal. */
static void control_clean(char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
            s[i] = '?';
}

static void line_write(enum log_level level, uint64_t n_left_out, const char *fmt, va_list ap)
{
    char line[LINE_SIZE];
    int saved = errno;

    pthread_mutex_lock(&sink.lock);
    size_t head = head_format(line, sizeof line, level), len = head;
    int n = vsnprintf(line + len, sizeof line - len - 1, fmt, ap);

    if (n > 0)
        len = len + (size_t)n < sizeof line - 2 ? len + (size_t)n : sizeof line - 2;
    if (n_left_out) {
        n = snprintf(line + len, sizeof line - len - 1, " (%ju similar lines left out)", (uintmax_t)n_left_out);
        len = len + (size_t)n < sizeof line - 2 ? len + (size_t)n : sizeof line - 2;
    }
    control_clean(line + head, len - head);
    line[len++] = '\n';
    if (write(sink.fd, line, len) < 0) {
        /* Nobody is left to tell. */
    }
    pthread_mutex_unlock(&sink.lock);
    errno = saved;
}

void log_write(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    if (!log_is_on(level))
        return;
    va_start(ap, fmt);
    line_write(level, 0, fmt, ap);
    va_end(ap);
}

bool log_limit_pass(struct log_limit *l, uint64_t now_ns, uint64_t *n_left_out)
{
    uint64_t full = atomic_load(&l->free_at_ns), next;

    do {
        next = (full > now_ns ? full : now_ns) + NSEC_PER_S;
        if (next - now_ns > (uint64_t)LOG_LIMIT_BURST * NSEC_PER_S) {
            atomic_fetch_add(&l->n_left_out, 1);
            return false;
        }
    } while (!atomic_compare_exchange_weak(&l->free_at_ns, &full, next));
    *n_left_out = atomic_exchange(&l->n_left_out, 0);
    return true;
}

void log_write_limited(struct log_limit *l, enum log_level level, const char *fmt, ...)
{
    uint64_t n_left_out;
    va_list ap;

    if (!log_limit_pass(l, clock_now(NULL), &n_left_out))
        return;
    va_start(ap, fmt);
    line_write(level, n_left_out, fmt, ap);
    va_end(ap);
}
