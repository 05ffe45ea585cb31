/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - trama-controller: command line, listeners, signals, start and end. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ev.h>

#include "base/log.h"
#include "base/version.h"
#include "controller/control.h"
#include "controller/controller.h"
#include "controller/lease_store.h"
#include "io/addr.h"
#include "io/daemon.h"
#include "io/file.h"
#include "io/stream.h"
#include "io/tls.h"

enum { EXIT_USAGE = 2, LISTEN_MAX = 16, CONNECT_MAX = 256 };

struct options {
    const char *doc, *run_dir, *log, *pidfile, *leases;
    struct endpoint listen[LISTEN_MAX], connect[CONNECT_MAX];
    size_t n_listen, n_connect;
    struct tls_files tls;
    bool is_daemon, is_check;
    int level;
};

struct program {
    struct options opts;
    struct daemon daemon;
    struct ev_loop *loop;
    struct clock clock;
    struct controller controller;
    struct control *control;
    struct lease_store *leases;
    struct listener *listeners[LISTEN_MAX];
    ev_signal hup, term, interrupt, usr1;
};

static void usage(FILE *out)
{
    fputs(
        "Usage: trama-controller -d NET.yaml [OPTION]...\n"
        "Brings OpenFlow 1.3 switches to carry the network that the document describes.\n\n"
        "  -d, --document FILE  the network document (YAML)\n"
        "      --listen WHERE   switches connect there: ptcp:[PORT][:IP], pssl:[PORT][:IP] or punix:PATH; several are\n"
        "                       possible;\n"
        "                       default ptcp:6653:127.0.0.1\n"
        "      --connect WHERE  a switch that waits there: tcp:IP[:PORT], ssl:IP[:PORT] or unix:PATH; several are\n"
        "                       possible\n"
        "      --tls-key FILE, --tls-certificate FILE, --tls-ca FILE\n"
        "                       for pssl: and ssl:, PEM; 'trama pki' makes them; HUP reads them anew\n"
        "      --run-dir DIR    where the control socket trama-controller.ctl is; default /run/trama\n"
        "      --leases FILE    where DHCP leases are kept; default trama-controller.leases in the run directory\n"
        "      --check          only read the document; exit code 0 when it is good\n"
        "      --log FILE       log there instead of to stderr\n"
        "      --log-level L    error, warning, notice, info or debug\n"
        "      --daemon         go to the background once everything is up\n"
        "      --pidfile FILE   write the process id there\n"
        "  -h, --help           this\n"
        "  -V, --version        the version\n\n"
        "Signals: HUP reads the document and the keys anew, USR1 opens the log file anew, TERM and INT end.\n",
        out);
}

enum {
    OPT_RUN_DIR = 256,
    OPT_LISTEN,
    OPT_CONNECT,
    OPT_CHECK,
    OPT_LOG,
    OPT_LEVEL,
    OPT_DAEMON,
    OPT_PIDFILE,
    OPT_TLS_KEY,
    OPT_TLS_CERTIFICATE,
    OPT_TLS_CA,
    OPT_LEASES,
};

static int add_endpoint(struct endpoint *list, size_t *n, size_t max, bool is_passive)
{
    struct errbuf e = { 0 };
    int err;

    if (*n == max) {
        fprintf(stderr, "trama-controller: more than %zu of one option are not possible\n", max);
        return EXIT_USAGE;
    }
    err = endpoint_parse(&list[*n], optarg, &e);
    if (!err && list[*n].is_passive != is_passive)
        err = errbuf_set(&e, -EINVAL, "'%.128s' is where %s; %s is for that", optarg,
                         is_passive ? "somebody waits" : "we would wait", is_passive ? "--connect" : "--listen");
    if (err) {
        fprintf(stderr, "trama-controller: %s\n", e.text);
        return EXIT_USAGE;
    }
    ++*n;
    return 0;
}

static int set_option(struct options *o, int opt)
{
    switch (opt) {
    case 'd':
        o->doc = optarg;
        break;
    case OPT_RUN_DIR:
        o->run_dir = optarg;
        break;
    case OPT_LISTEN:
        return add_endpoint(o->listen, &o->n_listen, LISTEN_MAX, true);
    case OPT_CONNECT:
        return add_endpoint(o->connect, &o->n_connect, CONNECT_MAX, false);
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
    case OPT_LEASES:
        o->leases = optarg;
        break;
    case OPT_TLS_KEY:
        o->tls.key = optarg;
        break;
    case OPT_TLS_CERTIFICATE:
        o->tls.certificate = optarg;
        break;
    case OPT_TLS_CA:
        o->tls.ca = optarg;
        break;
    case OPT_LEVEL:
        o->level = log_level_by_name(optarg);
        if (o->level >= 0)
            break;
        fprintf(stderr, "trama-controller: there is no log level '%s'; error, warning, notice, info and debug are\n",
                optarg);
        return EXIT_USAGE;
    case 'h':
        usage(stdout);
        exit(0);
    case 'V':
        puts("trama-controller " TRAMA_VERSION);
        exit(0);
    default:
        fputs("Try 'trama-controller --help'.\n", stderr);
        return EXIT_USAGE;
    }
    return 0;
}

/* The one endpoint that needs keys, when there are none. */
static const struct endpoint *find_tls(const struct options *o)
{
    for (size_t i = 0; i < o->n_listen; i++)
        if (o->listen[i].is_tls)
            return &o->listen[i];
    for (size_t i = 0; i < o->n_connect; i++)
        if (o->connect[i].is_tls)
            return &o->connect[i];
    return NULL;
}

static int check_tls(const struct options *o)
{
    const struct endpoint *needs = find_tls(o);
    unsigned n = (o->tls.key != NULL) + (o->tls.certificate != NULL) + (o->tls.ca != NULL);
    char text[ENDPOINT_TEXT_SIZE];

    if (n == 3 || (n == 0 && !needs))
        return 0;
    if (n)
        fputs("trama-controller: --tls-key, --tls-certificate and --tls-ca go together\n", stderr);
    else
        fprintf(stderr, "trama-controller: %s needs --tls-key, --tls-certificate and --tls-ca\n",
                endpoint_format(needs, text, sizeof text));
    return EXIT_USAGE;
}

static int parse_options(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        { "document", required_argument, NULL, 'd' },
        { "run-dir", required_argument, NULL, OPT_RUN_DIR },
        { "listen", required_argument, NULL, OPT_LISTEN },
        { "connect", required_argument, NULL, OPT_CONNECT },
        { "leases", required_argument, NULL, OPT_LEASES },
        { "check", no_argument, NULL, OPT_CHECK },
        { "log", required_argument, NULL, OPT_LOG },
        { "log-level", required_argument, NULL, OPT_LEVEL },
        { "daemon", no_argument, NULL, OPT_DAEMON },
        { "pidfile", required_argument, NULL, OPT_PIDFILE },
        { "tls-key", required_argument, NULL, OPT_TLS_KEY },
        { "tls-certificate", required_argument, NULL, OPT_TLS_CERTIFICATE },
        { "tls-ca", required_argument, NULL, OPT_TLS_CA },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { 0 },
    };
    int opt, err = 0;

    *o = (struct options){ .level = LOG_INFORM, .run_dir = "/run/trama" };
    while (!err && (opt = getopt_long(argc, argv, "d:hV", longs, NULL)) != -1)
        err = set_option(o, opt);
    if (err)
        return err;
    if (optind < argc)
        fprintf(stderr, "trama-controller: '%s' is no option\n", argv[optind]);
    else if (!o->doc)
        fputs("trama-controller: a network document is needed: -d FILE\n", stderr);
    else if (o->run_dir[0] != '/')
        fprintf(stderr, "trama-controller: --run-dir '%s' must begin with '/'\n", o->run_dir);
    else
        return check_tls(o);
    return EXIT_USAGE;
}

/* --- the document --- */
static int apply_file(struct program *p, struct errbuf *e)
{
    char *text;
    size_t len;
    int err = file_read(&text, &len, p->opts.doc, e);

    if (!err)
        err = controller_apply(&p->controller, p->opts.doc, text, len, e);
    free(text);
    return err;
}

/* --- signals --- */
static int load_keys(struct program *p, struct errbuf *e)
{
    return p->opts.tls.key ? tls_load(p->controller.tls, &p->opts.tls, e) : 0;
}

static void on_hup(struct ev_loop *loop, ev_signal *w, int revents)
{
    struct errbuf doc = { 0 }, keys = { 0 };

    if (apply_file(w->data, &doc))
        log_error("%s; the document before stays in force", doc.text);
    if (load_keys(w->data, &keys))
        log_error("%s; the keys before stay in use", keys.text);
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

/* --- the run --- */
static void on_accepted(void *arg, int fd, const struct endpoint *peer)
{
    struct program *p = arg;
    int err = controller_add_fd(&p->controller, fd, peer);

    if (err)
        log_limited(LOG_ERROR, "a switch's connection cannot be served: %s", strerror(-err));
}

static int open_endpoints(struct program *p, struct errbuf *e)
{
    int err = 0;

    if (!p->opts.n_listen && !p->opts.n_connect)
        err = endpoint_parse(&p->opts.listen[p->opts.n_listen++], "ptcp:6653:127.0.0.1", e);
    for (size_t i = 0; i < p->opts.n_listen && !err; i++)
        err = listener_open(&p->listeners[i], p->loop, &p->opts.listen[i], on_accepted, p, e);
    for (size_t i = 0; i < p->opts.n_connect && !err; i++)
        err = controller_add_endpoint(&p->controller, &p->opts.connect[i], e);
    return err;
}

static int open_leases(struct program *p, struct errbuf *e)
{
    char path[DAEMON_PATH_SIZE];
    int err;

    snprintf(path, sizeof path, "%s/trama-controller.leases", p->opts.run_dir);
    err = lease_store_open(&p->leases, p->opts.leases ? p->opts.leases : path, e);
    p->controller.services.leases = p->leases;
    if (!err)
        err = lease_store_load(p->leases, &p->controller.services.dhcp, clock_now(&p->clock), e);
    if (!err)
        err = lease_store_load6(p->leases, &p->controller.services.dhcp6, clock_now(&p->clock), e);
    return err;
}

static int run(struct program *p, struct errbuf *e)
{
    char path[DAEMON_PATH_SIZE];
    int err = controller_init(&p->controller, p->loop, &p->clock);

    if (err) {
        controller_fini(&p->controller);
        return errbuf_set(e, err, "no random numbers from the kernel: %s", strerror(-err));
    }
    signal(SIGPIPE, SIG_IGN);
    watch_signal(p, &p->hup, on_hup, SIGHUP);
    watch_signal(p, &p->usr1, on_usr1, SIGUSR1);
    watch_signal(p, &p->term, on_end, SIGTERM);
    watch_signal(p, &p->interrupt, on_end, SIGINT);
    snprintf(path, sizeof path, "%s/trama-controller.ctl", p->opts.run_dir);
    err = tls_new(&p->controller.tls);
    if (!err)
        err = load_keys(p, e);
    if (!err)
        err = open_leases(p, e);
    if (!err)
        err = apply_file(p, e);
    if (!err)
        err = control_open(&p->control, &p->controller, path, e);
    if (!err)
        err = open_endpoints(p, e);
    if (!err)
        err = daemon_write_pidfile(&p->daemon, p->opts.pidfile, e);
    if (!err) {
        log_notice("trama-controller " TRAMA_VERSION " is up, document %s", p->opts.doc);
        daemon_tell_ready(&p->daemon);
        ev_run(p->loop, 0);
        daemon_tell_stopping();
        log_notice("trama-controller ends; the switches keep their flows");
    }
    for (size_t i = 0; i < p->opts.n_listen; i++)
        listener_close(p->listeners[i]);
    control_close(p->control);
    controller_fini(&p->controller);
    lease_store_close(p->leases);
    tls_free(p->controller.tls);
    return err;
}

int main(int argc, char **argv)
{
    static struct program p; /* large; control thread only */
    struct errbuf e = { 0 };
    int err = parse_options(&p.opts, argc, argv);

    if (err)
        return err;
    daemon_init(&p.daemon);
    log_set_level((enum log_level)p.opts.level);
    if (p.opts.is_check) {
        struct net_doc *doc = NULL;

        err = net_doc_load(&doc, p.opts.doc, &e);
        net_doc_free(doc);
        if (err)
            fprintf(stderr, "trama-controller: %s\n", e.text);
        return err ? 1 : 0;
    }
    err = log_open("trama-controller", p.opts.log);
    if (err) {
        fprintf(stderr, "trama-controller: log file %s: %s\n", p.opts.log, strerror(-err));
        return 1;
    }
    if (p.opts.is_daemon)
        err = daemon_detach(&p.daemon);
    if (!err)
        err = daemon_lock(&p.daemon, "trama-controller", p.opts.run_dir, &e);
    if (!err) {
        p.loop = ev_default_loop(0);
        err = p.loop ? run(&p, &e) : errbuf_set(&e, -ENOMEM, "libev found no way to wait for events");
    }
    if (err) {
        fprintf(stderr, "trama-controller: %s\n", e.text[0] ? e.text : strerror(-err));
        if (p.opts.log)
            log_error("%s", e.text[0] ? e.text : strerror(-err));
    }
    daemon_fini(&p.daemon);
    log_close();
    return err ? 1 : 0;
}
