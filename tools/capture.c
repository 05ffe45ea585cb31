/* SPDX-License-Identifier: Apache-2.0 */
/* capture.c - `trama capture`: the frames of one port, both directions, as lines, as JSON or into a file.
 * Flow: trama-switchd -> pcapng over a unix socket -> filter (libpcap) -> terminal or file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/rpc.h"
#include "tools/commands.h"
#include "tools/frame_text.h"
#include "tools/pcapng.h"
#include "tools/reply.h"

enum { SNAPLEN_MIN = 14, SNAPLEN_MAX = 262144, READ_SIZE = 2 * PCAPNG_BLOCK_MAX };

struct capture {
    const struct cli *cli;
    int fd;
    FILE *file; /* -w; NULL: lines on stdout */
    const char *file_name;
    bool has_filter;
    struct bpf_program filter;
    uint64_t snaplen, count; /* count 0: without end */
    uint64_t n_shown, n_other, n_lost;
    bool is_done;
    uint8_t *in;
    size_t n_in;
};

/* Set by the signals that end a capture; they are let in only while we wait, so none is missed. */
static volatile sig_atomic_t is_ended;

static void on_signal(int signo)
{
    is_ended = 1;
}

/* --- beginning --- */

/* The arguments behind PORT, as tcpdump takes them. */
static int compile_filter(struct capture *cap)
{
    const struct cli *c = cap->cli;
    struct str s = { 0 };
    int code = CLI_OK;
    pcap_t *pcap;

    for (int i = 1; i < c->n_args; i++)
        str_printf(&s, "%s%s", i > 1 ? " " : "", c->args[i]);
    if (!s.len) {
        str_fini(&s);
        return CLI_OK;
    }
    pcap = pcap_open_dead(DLT_EN10MB, SNAPLEN_MAX);
    if (!pcap)
        code = cli_fail(CLI_FAILED, "not enough memory");
    else if (pcap_compile(pcap, &cap->filter, str_text(&s), 1, PCAP_NETMASK_UNKNOWN))
        code = cli_fail(CLI_FAILED, "filter '%s': %s", str_text(&s), pcap_geterr(pcap));
    else
        cap->has_filter = true;
    if (pcap)
        pcap_close(pcap);
    str_fini(&s);
    return code;
}

static int open_file(struct capture *cap)
{
    const char *name = cli_value(cap->cli, "write");

    if (!name)
        return CLI_OK;
    if (cap->cli->is_json)
        return cli_usage_fail(cap->cli, "--write and --json do not go together");
    cap->file_name = strcmp(name, "-") ? name : "standard output";
    cap->file = strcmp(name, "-") ? fopen(name, "we") : stdout;
    return cap->file ? CLI_OK : cli_fail(CLI_FAILED, "%s: %s", name, strerror(errno));
}

static int connect_capture(struct capture *cap)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    char snaplen[24];
    const char *path;
    json_t *result;
    int code;

    snprintf(snaplen, sizeof snaplen, "%" PRIu64, cap->snaplen);
    code = cli_call(cap->cli, CLI_SWITCHD, "capture/start",
                    json_pack("{s:s, s:s}", "port", cap->cli->args[0], "snaplen", snaplen), &result);
    if (code)
        return code;
    path = json_string_value(result);
    cap->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (path && strlen(path) < sizeof addr.sun_path)
        memcpy(addr.sun_path, path, strlen(path));
    if (cap->fd < 0 || connect(cap->fd, (struct sockaddr *)&addr, sizeof addr))
        code = cli_fail(CLI_UNREACHABLE, "the capture's socket %s: %s", path ? path : "", strerror(errno));
    json_decref(result);
    return code;
}

/* --- frames --- */

static void put_time(struct str *s, uint64_t ns)
{
    time_t sec = (time_t)(ns / NSEC_PER_S);
    struct tm tm;
    char text[16];

    localtime_r(&sec, &tm);
    strftime(text, sizeof text, "%H:%M:%S", &tm);
    str_printf(s, "%s.%06u", text, (unsigned)(ns % NSEC_PER_S / NSEC_PER_US));
}

static const char *direction_name(enum frame_direction d)
{
    return d == FRAME_RX ? "rx" : d == FRAME_TX ? "tx" : "-";
}

static void show_text(const struct pcapng_frame *f)
{
    struct str s = { 0 };

    put_time(&s, f->time_ns);
    str_printf(&s, " %s %" PRIu32 " ", direction_name(f->direction), f->len);
    frame_text(&s, f->p, f->n, f->len);
    puts(str_text(&s));
    str_fini(&s);
}

static void show_json(const struct pcapng_frame *f)
{
    json_t *o = json_pack("{s:I, s:s, s:I, s:I}", "time_ns", (json_int_t)f->time_ns, "direction",
                          direction_name(f->direction), "length", (json_int_t)f->len, "captured", (json_int_t)f->n);
    json_t *headers = frame_json(f->p, f->n, f->len);

    json_object_update(o, headers);
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(headers);
    json_decref(o);
}

static bool passes(const struct capture *cap, const struct pcapng_frame *f)
{
    struct pcap_pkthdr h = { .caplen = f->n, .len = f->len };

    return !cap->has_filter || pcap_offline_filter(&cap->filter, &h, f->p);
}

/* One block; what a file gets is the daemon's own bytes. */
static int take_block(struct capture *cap, uint32_t type, const uint8_t *p, size_t n)
{
    struct pcapng_frame f;

    if (type == PCAPNG_FRAME) {
        if (pcapng_frame(&f, p, n))
            return -EBADMSG;
        cap->n_lost += f.n_lost;
        if (!passes(cap, &f)) {
            cap->n_other++;
            return 0;
        }
        cap->n_shown++;
        cap->is_done = cap->count && cap->n_shown == cap->count;
    }
    if (cap->file && fwrite(p, 1, n, cap->file) != n)
        return errno ? -errno : -EIO;
    if (cap->file || type != PCAPNG_FRAME)
        return 0;
    if (cap->cli->is_json)
        show_json(&f);
    else
        show_text(&f);
    return 0;
}

static int take_blocks(struct capture *cap)
{
    size_t at = 0;
    uint32_t type;
    long len = 0;
    int err = 0;

    while (!err && !cap->is_done && (len = pcapng_block(cap->in + at, cap->n_in - at, &type)) > 0) {
        err = take_block(cap, type, cap->in + at, (size_t)len);
        at += (size_t)len;
    }
    cap->n_in -= at;
    memmove(cap->in, cap->in + at, cap->n_in);
    return err ? err : len < 0 ? (int)len : 0;
}

/* Waits for more, with the signals let in.  1: there is; 0: somebody ended us; or a negative errno. */
static int wait_for_more(const struct capture *cap, const sigset_t *mask)
{
    struct pollfd p[2] = { { .fd = cap->fd, .events = POLLIN },
                           { .fd = cap->file && cap->file != stdout ? -1 : STDOUT_FILENO } };

    for (;;) {
        int n = is_ended ? 0 : ppoll(p, 2, NULL, mask);

        if (is_ended || (n > 0 && p[1].revents & (POLLERR | POLLHUP)))
            return 0; /* nobody reads any more what we write */
        if (n > 0)
            return 1;
        if (n < 0 && errno != EINTR)
            return -errno;
    }
}

/* Until the end that is asked for.  CLI_OK then. */
static int run_until_end(struct capture *cap, const sigset_t *mask)
{
    FILE *out = cap->file ? cap->file : stdout;
    int err = 0;

    while (!cap->is_done && (err = wait_for_more(cap, mask)) > 0) {
        ssize_t n = recv(cap->fd, cap->in + cap->n_in, READ_SIZE - cap->n_in, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cli_fail(CLI_FAILED, "port %s: the capture has ended, because the port or the switch is gone",
                            cap->cli->args[0]);
        cap->n_in += (size_t)n;
        err = take_blocks(cap);
        if (fflush(out) && !err)
            err = -errno;
        if (err)
            break;
    }
    if (err == -EBADMSG)
        return cli_fail(CLI_FAILED, "port %s: what the switch sends is no pcapng", cap->cli->args[0]);
    if (err < 0)
        return cli_fail(CLI_FAILED, "%s: %s", cap->file ? cap->file_name : "standard output", strerror(-err));
    return CLI_OK;
}

/* How many frames workers could not hand over, of any port. */
static uint64_t event_losses(const struct cli *c)
{
    char path[CLI_PATH_SIZE];
    json_t *result;
    uint64_t n;

    if (rpc_call(cli_socket(c, CLI_SWITCHD, path), "stats", json_object(), 2000, &result, NULL))
        return 0;
    n = reply_number(json_object_get(result, "drops"), "event-full");
    json_decref(result);
    return n;
}

static void tell_counts(const struct capture *cap, uint64_t losses_before)
{
    uint64_t losses = event_losses(cap->cli);

    fprintf(stderr, "%" PRIu64 " frame%s", cap->n_shown, cap->n_shown == 1 ? "" : "s");
    if (cap->has_filter)
        fprintf(stderr, ", %" PRIu64 " did not pass the filter", cap->n_other);
    if (cap->n_lost)
        fprintf(stderr, ", %" PRIu64 " lost because they were not read in time", cap->n_lost);
    if (losses > losses_before)
        fprintf(stderr, ", up to %" PRIu64 " lost because the switch was too busy", losses - losses_before);
    fputc('\n', stderr);
}

static int capture(struct capture *cap, const sigset_t *mask)
{
    uint64_t losses;
    int code = compile_filter(cap);

    if (!code)
        code = connect_capture(cap);
    if (!code)
        code = open_file(cap); /* last: a port that is not there costs nobody a file */
    if (code)
        return code;
    losses = event_losses(cap->cli);
    fprintf(stderr, "capturing on port %s; Ctrl-C ends\n", cap->cli->args[0]);
    code = run_until_end(cap, mask);
    tell_counts(cap, losses);
    return code;
}

static int run_capture(struct cli *c)
{
    struct capture cap = { .cli = c, .fd = -1, .snaplen = SNAPLEN_MAX };
    struct sigaction act = { .sa_handler = on_signal };
    sigset_t ends, before;
    int code = cli_number(c, "snaplen", SNAPLEN_MIN, SNAPLEN_MAX, &cap.snaplen);

    if (!code)
        code = cli_number(c, "count", 1, UINT32_MAX, &cap.count);
    if (code)
        return code;
    cap.in = malloc(READ_SIZE);
    if (!cap.in)
        return cli_fail(CLI_FAILED, "not enough memory");
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, &before);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    code = capture(&cap, &before);
    if (cap.has_filter)
        pcap_freecode(&cap.filter);
    if (cap.file && cap.file != stdout && fclose(cap.file) && !code)
        code = cli_fail(CLI_FAILED, "%s: %s", cap.file_name, strerror(errno));
    if (cap.fd >= 0)
        close(cap.fd);
    free(cap.in);
    return code;
}

static const struct cli_option capture_options[] = {
    { "write", 'w', "FILE", "into a pcapng file, which tcpdump, tshark and Wireshark read; - is the standard output" },
    { "count", 'c', "N", "ends after N frames" },
    { "snaplen", 's', "N", "only the first N bytes of each frame, 14 to 262144" },
    { 0 },
};

const struct cli_command capture_commands[] = {
    { "capture", "PORT [FILTER]...", "Shows the frames of a port, both directions", run_capture, 1, -1, capture_options,
      "rx is what the port took in, tx what it sent.  FILTER is that of tcpdump: tcp port 80 and host 10.0.0.1\n"
      "With -j a line of JSON for each frame.\n" },
    { 0 },
};
