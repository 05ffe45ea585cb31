/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - trama-switchd: command line, one daemon per run_dir, signals, start and end. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ev.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/version.h"
#include "io/daemon.h"
#include "vswitch/control.h"
#include "vswitch/vswitch.h"

enum { EXIT_USAGE = 2 };

struct options {
    const char *conf, *log, *pidfile;
    struct switch_conf_opts file;
    bool is_daemon, is_check;
    int level;
};

struct program {
    struct ev_loop *loop;
    struct clock clock;
    struct daemon daemon;
    struct vswitch *sw;
    struct control *control;
    struct options opts;
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

/* --- signals --- */

static void on_hup(struct ev_loop *loop, ev_signal *w, int revents)
{
    struct program *p = w->data;
    struct errbuf e = { { 0 } };

    control_reload(p->control, &e);
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

static void watch_signal(struct program *p, ev_signal *w, void (*fn)(struct ev_loop *loop, ev_signal *w, int revents),
                         int signo)
{
    ev_signal_init(w, fn, signo);
    w->data = p;
    ev_signal_start(p->loop, w);
}

static int run(struct program *p, struct switch_conf *conf, struct errbuf *e)
{
    struct control_conf control = {
        .loop = p->loop,
        .clock = &p->clock,
        .path = p->opts.conf,
        .opts = &p->opts.file,
        .has_test = p->opts.file.has_test_ports,
    };
    int err;

    signal(SIGPIPE, SIG_IGN);
    watch_signal(p, &p->hup, on_hup, SIGHUP);
    watch_signal(p, &p->usr1, on_usr1, SIGUSR1);
    watch_signal(p, &p->term, on_end, SIGTERM);
    watch_signal(p, &p->interrupt, on_end, SIGINT);
    err = vswitch_open(&p->sw, p->loop, &p->clock, conf, e);
    if (err)
        return err;
    control.sw = p->sw;
    err = control_open(&p->control, &control, e);
    if (!err)
        err = daemon_write_pidfile(&p->daemon, p->opts.pidfile, e);
    if (!err) {
        log_notice("trama-switchd " TRAMA_VERSION " is up, run_dir %s", vswitch_run_dir(p->sw));
        daemon_tell_ready(&p->daemon);
        ev_run(p->loop, 0);
        daemon_tell_stopping();
        log_notice("trama-switchd ends");
    }
    control_close(p->control);
    vswitch_close(p->sw);
    return err;
}

/* Takes `conf`. */
static int begin(struct program *p, struct switch_conf *conf, struct errbuf *e)
{
    int err = 0;

    if (!p->opts.is_check && p->opts.is_daemon)
        err = daemon_detach(&p->daemon);
    if (!err && !p->opts.is_check)
        err = daemon_lock(&p->daemon, "trama-switchd", conf->run_dir, e);
    if (err || p->opts.is_check) {
        switch_conf_fini(conf);
        return err;
    }
    daemon_take_descriptors();
    remove_stale(conf->run_dir);
    p->loop = ev_default_loop(0);
    if (p->loop)
        return run(p, conf, e);
    switch_conf_fini(conf);
    return errbuf_set(e, -ENOMEM, "libev found no way to wait for events");
}

int main(int argc, char **argv)
{
    struct program p = { 0 };
    struct switch_conf conf;
    struct errbuf e = { { 0 } };
    int err = parse_options(&p.opts, argc, argv);

    if (err)
        return err;
    daemon_init(&p.daemon);
    log_set_level((enum log_level)p.opts.level);
    err = log_open("trama-switchd", p.opts.log);
    if (err) {
        fprintf(stderr, "trama-switchd: log file %s: %s\n", p.opts.log, strerror(-err));
        return 1;
    }
    err = switch_conf_open(&conf, p.opts.conf, &p.opts.file, &e);
    if (!err)
        err = begin(&p, &conf, &e);
    if (err) {
        fprintf(stderr, "trama-switchd: %s\n", e.text[0] ? e.text : strerror(-err));
        if (p.opts.log)
            log_error("%s", e.text[0] ? e.text : strerror(-err));
    }
    daemon_fini(&p.daemon);
    log_close();
    return err ? 1 : 0;
}
