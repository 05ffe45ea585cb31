/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - trama-switchd: command line, one daemon per run_dir, signals, start and end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <ev.h>

#include "base/clock.h"
#include "base/log.h"
#include "vswitch/control.h"
#include "base/version.h"
#include "vswitch/vswitch.h"

enum { EXIT_USAGE = 2 };

struct options {
    const char *conf, *log, *pidfile;
    struct switch_conf_opts file;
    bool is_daemon, is_check;
    int level;
};

struct daemon {
    struct ev_loop *loop;
    struct clock clock;
    struct vswitch *sw;
    struct control *control;
    struct options opts;
    int lock_fd;
    char lock_path[256];
    int ready_fd; /* of --daemon: the parent waits at the other end; -1: none */
    ev_signal hup, term, interrupt, usr1;
};

static void usage(FILE *out)
{
    fputs("Usage: trama-switchd -c FILE [OPTION]...\n"
          "The virtual switch.  FILE says which bridges and ports there are.\n\n"
          "  -c, --config FILE    the switch file (YAML)\n"
          "      --run-dir DIR    instead of the file's run_dir\n"
          "      --check          only read the file; exit code 0 when it is good\n"
          "      --log FILE       log there instead of to stderr\n"
          "      --log-level L    error, warning, notice, info or debug\n"
          "      --daemon         go to the background once everything is up\n"
          "      --pidfile FILE   write the process id there\n"
          "      --test           ports of type test, and a clock that can be warped\n"
          "  -h, --help           this\n"
          "  -V, --version        the version\n\n"
          "Signals: HUP reads the file anew, USR1 opens the log file anew, TERM and INT end.\n",
          out);
}

enum { OPT_RUN_DIR = 256, OPT_CHECK, OPT_LOG, OPT_LEVEL, OPT_DAEMON, OPT_PIDFILE, OPT_TEST };

static int set_option(struct options *o, int opt)
{
    switch (opt) {
    case 'c':
        o->conf = optarg;
        break;
    case OPT_RUN_DIR:
        o->file.run_dir = optarg;
        break;
    case OPT_CHECK:
        o->is_check = true;
        break;
    case OPT_LOG:
        o->log = optarg;
        break;
    case OPT_DAEMON:
        o->is_daemon = true;
        break;
    case OPT_PIDFILE:
        o->pidfile = optarg;
        break;
    case OPT_TEST:
        o->file.has_test_ports = true;
        break;
    case OPT_LEVEL:
        o->level = log_level_by_name(optarg);
        if (o->level >= 0)
            break;
        fprintf(stderr, "trama-switchd: there is no log level '%s'; error, warning, notice, info and debug are\n",
                optarg);
        return EXIT_USAGE;
    case 'h':
        usage(stdout);
        exit(0);
    case 'V':
        puts("trama-switchd " TRAMA_VERSION);
        exit(0);
    default:
        fputs("Try 'trama-switchd --help'.\n", stderr);
        return EXIT_USAGE;
    }
    return 0;
}

static int parse_options(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        { "config", required_argument, NULL, 'c' },
        { "run-dir", required_argument, NULL, OPT_RUN_DIR },
        { "check", no_argument, NULL, OPT_CHECK },
        { "log", required_argument, NULL, OPT_LOG },
        { "log-level", required_argument, NULL, OPT_LEVEL },
        { "daemon", no_argument, NULL, OPT_DAEMON },
        { "pidfile", required_argument, NULL, OPT_PIDFILE },
        { "test", no_argument, NULL, OPT_TEST },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { 0 },
    };
    int opt, err = 0;

    *o = (struct options){ .level = LOG_INFORM };
    while (!err && (opt = getopt_long(argc, argv, "c:hV", longs, NULL)) != -1)
        err = set_option(o, opt);
    if (!err && optind < argc) {
        fprintf(stderr, "trama-switchd: '%s' is no option\n", argv[optind]);
        err = EXIT_USAGE;
    }
    if (!err && !o->conf) {
        fputs("trama-switchd: a switch file is needed: -c FILE\n", stderr);
        err = EXIT_USAGE;
    }
    if (!err && o->file.run_dir && o->file.run_dir[0] != '/') {
        fprintf(stderr, "trama-switchd: --run-dir '%s' must begin with '/'\n", o->file.run_dir);
        err = EXIT_USAGE;
    }
    return err;
}

/* --- one daemon per run_dir --- */

static int make_dirs(const char *path, struct errbuf *e)
{
    char dir[256];

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

static int lock(struct daemon *d, const char *run_dir, struct errbuf *e)
{
    int err = make_dirs(run_dir, e);
    char pid[32];

    if (err)
        return err;
    snprintf(d->lock_path, sizeof d->lock_path, "%s/trama-switchd.lock", run_dir);
    for (;;) {
        d->lock_fd = open(d->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (d->lock_fd < 0)
            return errbuf_set(e, -errno, "%s cannot be opened: %s", d->lock_path, strerror(errno));
        if (flock(d->lock_fd, LOCK_EX | LOCK_NB)) {
            ssize_t n = read(d->lock_fd, pid, sizeof pid - 1);

            pid[n > 0 ? n - 1 : 0] = '\0';
            close(d->lock_fd);
            d->lock_fd = -1;
            return errbuf_set(e, -EBUSY, "a switch runs already in %s (process %s)", run_dir, pid);
        }
        if (is_file_at(d->lock_fd, d->lock_path))
            break;
        close(d->lock_fd);
    }
    snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(d->lock_fd, 0) || pwrite(d->lock_fd, pid, strlen(pid), 0) < 0)
        return errbuf_set(e, -errno, "%s cannot be written: %s", d->lock_path, strerror(errno));
    return 0;
}

/* Sockets that a killed predecessor left; the lock is ours, so nobody uses them. */
static void remove_stale(const char *run_dir)
{
    static const char *const names[] = { "trama-switchd.*.ctl", "*.mgmt", "capture.*" };
    DIR *dir = opendir(run_dir);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (!fnmatch(names[i], entry->d_name, FNM_PERIOD))
                unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

static void unlock(struct daemon *d)
{
    if (d->lock_fd < 0)
        return;
    unlink(d->lock_path);
    close(d->lock_fd);
}

static int write_pidfile(const char *path, struct errbuf *e)
{
    FILE *f = path ? fopen(path, "we") : NULL;
    int err = 0;

    if (!path)
        return 0;
    if (!f)
        return errbuf_set(e, -errno, "pidfile %s cannot be written: %s", path, strerror(errno));
    fprintf(f, "%ld\n", (long)getpid());
    if (fclose(f))
        err = errbuf_set(e, -errno, "pidfile %s cannot be written: %s", path, strerror(errno));
    return err;
}

/* --- telling that we are up --- */

/* The notification protocol of systemd: a datagram to $NOTIFY_SOCKET. */
static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t len = path ? strlen(path) : 0;
    int fd;

    if (!len || len >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        log_warning("the service manager could not be told that we are up: %s", strerror(errno));
    close(fd);
}

/* The parent stays until the child is up, or has failed. */
static int go_to_background(struct daemon *d)
{
    int fds[2];
    char ok = 0;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC))
        return -errno;
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid) {
        close(fds[1]);
        exit(read(fds[0], &ok, 1) == 1 ? 0 : 1);
    }
    close(fds[0]);
    d->ready_fd = fds[1];
    setsid();
    return 0;
}

static void tell_ready(struct daemon *d)
{
    notify("READY=1\n");
    if (d->ready_fd < 0)
        return;

    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (write(d->ready_fd, "1", 1) != 1)
        log_warning("the process that started us has gone");
    close(d->ready_fd);
    d->ready_fd = -1;
    if (null < 0)
        return;
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

/* --- signals --- */

static void on_hup(struct ev_loop *loop, ev_signal *w, int revents)
{
    struct daemon *d = w->data;
    struct errbuf e = { { 0 } };

    control_reload(d->control, &e);
}

static void on_usr1(struct ev_loop *loop, ev_signal *w, int revents)
{
    int err = log_reopen();

    if (err)
        log_error("the log file could not be opened anew: %s", strerror(-err));
}

static void on_end(struct ev_loop *loop, ev_signal *w, int revents)
{
    ev_break(loop, EVBREAK_ALL);
}

static void watch_signal(struct daemon *d, ev_signal *w, void (*fn)(struct ev_loop *loop, ev_signal *w, int revents),
                         int signo)
{
    ev_signal_init(w, fn, signo);
    w->data = d;
    ev_signal_start(d->loop, w);
}

static int run(struct daemon *d, struct switch_conf *conf, struct errbuf *e)
{
    struct control_conf control = {
        .loop = d->loop,
        .clock = &d->clock,
        .path = d->opts.conf,
        .opts = &d->opts.file,
        .has_test = d->opts.file.has_test_ports,
    };
    int err;

    signal(SIGPIPE, SIG_IGN);
    watch_signal(d, &d->hup, on_hup, SIGHUP);
    watch_signal(d, &d->usr1, on_usr1, SIGUSR1);
    watch_signal(d, &d->term, on_end, SIGTERM);
    watch_signal(d, &d->interrupt, on_end, SIGINT);
    err = vswitch_open(&d->sw, d->loop, &d->clock, conf, e);
    if (err)
        return err;
    control.sw = d->sw;
    err = control_open(&d->control, &control, e);
    if (!err)
        err = write_pidfile(d->opts.pidfile, e);
    if (!err) {
        log_notice("trama-switchd " TRAMA_VERSION " is up, run_dir %s", vswitch_run_dir(d->sw));
        tell_ready(d);
        ev_run(d->loop, 0);
        notify("STOPPING=1\n");
        log_notice("trama-switchd ends");
    }
    control_close(d->control);
    vswitch_close(d->sw);
    if (d->opts.pidfile)
        unlink(d->opts.pidfile);
    return err;
}

int main(int argc, char **argv)
{
    struct daemon d = { .lock_fd = -1, .ready_fd = -1 };
    struct switch_conf conf;
    struct errbuf e = { { 0 } };
    int err = parse_options(&d.opts, argc, argv);

    if (err)
        return err;
    log_set_level((enum log_level)d.opts.level);
    err = log_open("trama-switchd", d.opts.log);
    if (err) {
        fprintf(stderr, "trama-switchd: log file %s: %s\n", d.opts.log, strerror(-err));
        return 1;
    }
    err = switch_conf_open(&conf, d.opts.conf, &d.opts.file, &e);
    if (!err && d.opts.is_check) {
        switch_conf_fini(&conf);
        return 0;
    }
    if (!err && d.opts.is_daemon)
        err = go_to_background(&d);
    if (!err)
        err = lock(&d, conf.run_dir, &e);
    if (!err) {
        remove_stale(conf.run_dir);
        d.loop = ev_default_loop(0);
        err = d.loop ? run(&d, &conf, &e) : errbuf_set(&e, -ENOMEM, "libev found no way to wait for events");
    }
    if (err) {
        fprintf(stderr, "trama-switchd: %s\n", e.text[0] ? e.text : strerror(-err));
        if (d.opts.log)
            log_error("%s", e.text[0] ? e.text : strerror(-err));
    }
    unlock(&d);
    log_close();
    return err ? 1 : 0;
}
