/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - lines for the operator: "noun name: text", to stderr or a file.
 * A line begins with the time (ISO 8601, UTC), the level and the program; under systemd, which keeps the time itself, with
 * the syslog priority "<N>" instead.  Whatever a peer can trigger goes through log_limited.
 * Thread: any but a packet worker, which counts instead of logging. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFORM, LOG_DETAIL, LOG_LEVELS };

/* Where lines go: `path` is appended to, NULL means stderr (which is what is used before log_open too).
 * `program`: borrowed for good.  Returns 0 or a negative errno; then nothing has changed. */
int log_open(const char *program, const char *path);
/* Opens the file of log_open anew, after somebody moved it away. */
int log_reopen(void);
void log_close(void); /* back to stderr */

void log_set_level(enum log_level most); /* LOG_INFORM at first: errors up to that */
bool log_is_on(enum log_level level);
const char *log_level_name(enum log_level level); /* "error", "warning", "notice", "info", "debug" */
int log_level_by_name(const char *name);          /* enum log_level, or -ENOENT */

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* At most `LOG_LIMIT_BURST` lines at once and one a second in the long run, for each place in the code that calls it.
 * The next line that gets through says how many did not. */
enum { LOG_LIMIT_BURST = 10 };
struct log_limit {
    _Atomic uint64_t free_at_ns; /* the bucket is full at this monotonic time */
    _Atomic uint64_t n_left_out;
};
/* Whether a line may pass at `now_ns`; `n_left_out` is then the count since the last one. */
bool log_limit_pass(struct log_limit *l, uint64_t now_ns, uint64_t *n_left_out);
void log_write_limited(struct log_limit *l, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFORM, __VA_ARGS__)
#define log_debug(...) \
    do { \
        if (log_is_on(LOG_DETAIL)) \
            log_write(LOG_DETAIL, __VA_ARGS__); \
    } while (0)
#define log_limited(level_, ...) \
    do { \
        static struct log_limit limit_; \
        if (log_is_on(level_)) \
            log_write_limited(&limit_, (level_), __VA_ARGS__); \
    } while (0)

#endif
