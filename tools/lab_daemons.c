/* SPDX-License-Identifier: Apache-2.0 */
/* lab_daemons.c - see lab_daemons.h. */
#include "tools/lab_daemons.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/rpc.h"
#include "tools/lab_dir.h"
#include "tools/lab_process.h"
#include "tools/reply.h"

enum { SETTLE_MS = 1000, SETTLE_ALL_MS = 30000, CALL_MS = 10000, AGAIN_MS = 20, TAIL_LINES = 10, TAIL_BYTES = 4096 };

int lab_daemon_find(char *out, const char *program, struct errbuf *e)
{
    static const char *const places[] = { "../vswitch", "../controller", "../sbin", ".", "../libexec/trama" };
    const char *variable = !strcmp(program, "trama-switchd") ? "TRAMA_SWITCHD"
                           : !strcmp(program, "trama-guest") ? "TRAMA_GUEST"
                                                             : "TRAMA_CONTROLLER";
    const char *given = getenv(variable);
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (given && *given) {
        snprintf(out, PATH_MAX, "%s", given);
        return access(out, X_OK) ? errbuf_set(e, -errno, "%s is %s: %s", variable, given, strerror(errno)) : 0;
    }
    self[n > 0 ? n : 0] = '\0';
    *(strrchr(self, '/') ? strrchr(self, '/') : self) = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (snprintf(out, PATH_MAX, "%s/%s/%s", self, places[i], program) < PATH_MAX && !access(out, X_OK))
            return 0;
    return errbuf_set(e, -ENOENT, "%s is neither in the build tree nor installed; %s can say where it is", program,
                      variable);
}

/* --- switch files --- */

static void print_addresses(struct str *out, const struct net_host *h)
{
    char text[ADDR_TEXT_SIZE];

    for (size_t i = 0; i < h->n_addresses; i++)
        str_printf(out, "%s\"%s\"", i ? ", " : ", address: [", ip_prefix_format(&h->addresses[i], text, sizeof text));
    if (h->n_addresses)
        str_add(out, "]");
}

static void print_port(struct str *out, const struct net_port_ref *port, const char *type)
{
    char name[NET_PORT_NAME];

    str_printf(out, "      \"%s\": {type: %s", lab_port_name(port, name), type);
    if (port->number)
        str_printf(out, ", ofport: %u", (unsigned)port->number);
}

static void print_host(struct str *out, const struct lab *lab, size_t i)
{
    const struct net_host *h = &lab->doc->hosts[i];
    char mac[NET_MAC_TEXT];

    print_port(out, &h->at.port, h->attach == NET_ATTACH_TAP ? "tap" : "netdev");
    if (h->attach == NET_ATTACH_TAP) {
        str_printf(out, ", netns: \"%s\", mac: \"%s\"", lab->hosts[i].netns, net_mac_text(h->mac, mac));
        print_addresses(out, h);
    }
    str_printf(out, ", vlan: {access: %u}}\n", lab->doc->networks[h->network].vlan);
}

/* A link carries every network, tagged. */
static void print_link_end(struct str *out, const struct net_doc *doc, const struct net_end *end)
{
    print_port(out, &end->port, "netdev");
    for (size_t i = 0; i < doc->n_networks; i++)
        str_printf(out, "%s%u", i ? ", " : ", vlan: {trunk: [", doc->networks[i].vlan);
    str_add(out, "]}}\n");
}

/* VLANs are given to the ports although the controller's flows do not need them: a switch of `fail_mode: standalone` must
 * keep networks apart too. */
void lab_switch_file(struct str *out, const struct lab *lab, int sw)
{
    const struct net_doc *doc = lab->doc;
    const struct net_switch *s = &doc->switches[sw];
    bool is_standalone = !doc->is_controlled || s->fail_mode == NET_FAIL_STANDALONE;

    str_printf(out, "# Made by `trama lab up` for switch %s of lab %s.\n", s->name, lab->name);
    str_printf(out, "run_dir: \"%s\"\ndpdk: {hugepages: off}\nbridges:\n  \"%s\":\n", lab->switches[sw].run_dir,
               s->name);
    str_printf(out, "    datapath_id: 0x%llx\n    fail_mode: %s\n", (unsigned long long)s->datapath_id,
               is_standalone ? "standalone" : "secure");
    if (doc->is_controlled)
        str_printf(out, "    controllers: [\"unix:%s/openflow.sock\"]\n", lab->dir);
    str_add(out, "    ports:\n");
    for (size_t i = 0; i < doc->n_hosts; i++)
        if (doc->hosts[i].at.sw == sw && doc->hosts[i].kind != NET_HOST_EXTERNAL)
            print_host(out, lab, i);
    for (size_t i = 0; i < doc->n_links; i++)
        for (int k = 0; k < 2; k++)
            if (doc->links[i].end[k].sw == sw && doc->links[i].kind == NET_LINK_VETH)
                print_link_end(out, doc, &doc->links[i].end[k]);
}

static int write_switch_file(const struct lab *lab, int sw, const char *path, struct errbuf *e)
{
    struct str text = { 0 };
    FILE *f;
    int err = 0;

    if (mkdir(lab->switches[sw].run_dir, 0755))
        return errbuf_set(e, -errno, "%s cannot be made: %s", lab->switches[sw].run_dir, strerror(errno));
    lab_switch_file(&text, lab, sw);
    f = text.bad ? NULL : fopen(path, "we");
    if (!f || fputs(str_text(&text), f) < 0)
        err = text.bad ? -ENOMEM : -errno;
    if (f && fclose(f) && !err)
        err = -errno;
    str_fini(&text);
    return err ? errbuf_set(e, err, "%s cannot be written: %s", path, strerror(-err)) : 0;
}

/* --- starting --- */

/* The last lines of a log file. */
static void read_tail(const char *path, struct str *out)
{
    FILE *f = fopen(path, "re");
    char buf[TAIL_BYTES + 1], *from;
    size_t n;
    int lines = 0;

    if (!f)
        return;
    if (fseek(f, -TAIL_BYTES, SEEK_END))
        rewind(f);
    n = fread(buf, 1, TAIL_BYTES, f);
    buf[n] = '\0';
    for (from = buf + n; from > buf && (from[-1] != '\n' || ++lines <= TAIL_LINES); from--)
        continue;
    str_add(out, from);
    fclose(f);
}

static int start_switch(const struct lab *lab, int sw, const char *program, struct str *tail, struct errbuf *e)
{
    char conf[LAB_PATH_SIZE + 16], log[LAB_PATH_SIZE + 16];
    const char *const argv[] = { program, "-c", conf, "--log", log, "--daemon", NULL };
    int err;

    snprintf(conf, sizeof conf, "%s/switch.yaml", lab->switches[sw].run_dir);
    snprintf(log, sizeof log, "%s/log", lab->switches[sw].run_dir);
    err = write_switch_file(lab, sw, conf, e);
    if (err)
        return err;
    err = lab_process_run(lab->name, lab->switches[sw].netns, argv, e);
    if (err) {
        errbuf_prefix(e, "switch %s", lab->doc->switches[sw].name);
        read_tail(log, tail);
    }
    return err;
}

static int start_controller(const struct lab *lab, struct str *tail, struct errbuf *e)
{
    char program[PATH_MAX], doc[PATH_MAX], log[LAB_PATH_SIZE + 32], listen[LAB_PATH_SIZE + 32];
    const char *const argv[] = { program,  "-d",    doc, "--listen", listen, "--run-dir",
                                 lab->dir, "--log", log, "--daemon", NULL };
    int err = lab_daemon_find(program, "trama-controller", e);

    if (err)
        return err;
    lab_dir_path(doc, lab->name, LAB_DIR_DOCUMENT);
    snprintf(log, sizeof log, "%s/controller.log", lab->dir);
    snprintf(listen, sizeof listen, "punix:%s/openflow.sock", lab->dir);
    err = lab_process_run(lab->name, NULL, argv, e);
    if (err) {
        errbuf_prefix(e, "controller");
        read_tail(log, tail);
    }
    return err;
}

int lab_daemons_start(const struct lab *lab, struct str *tail, struct errbuf *e)
{
    char program[PATH_MAX];
    int err = lab_daemon_find(program, "trama-switchd", e);

    if (!err && lab->doc->is_controlled)
        err = start_controller(lab, tail, e);
    for (size_t i = 0; i < lab->doc->n_switches && !err; i++)
        err = start_switch(lab, (int)i, program, tail, e);
    return err;
}

/* --- waiting --- */

/* "a; b" of what a reply of net/wait says is missing. */
static void print_missing(struct str *out, const json_t *reply)
{
    const json_t *list = json_object_get(reply, "missing"), *item;
    size_t i;

    str_reset(out);
    json_array_foreach(list, i, item)
        str_printf(out, "%s%s", i ? "; " : "", json_string_value(item) ? json_string_value(item) : "?");
}

/* The controller may be settled on a link being down; here every link that was made works. */
static bool are_links_up(const json_t *net, struct str *missing)
{
    const json_t *link;
    size_t i;

    json_array_foreach(json_object_get(net, "links"), i, link)
    {
        const json_t *ends = json_object_get(link, "ends");

        if (strcmp(reply_text(link, "kind"), "veth") != 0 || !strcmp(reply_text(link, "state"), "up"))
            continue;
        str_printf(missing, "link %s - %s does not come up", json_string_value(json_array_get(ends, 0)),
                   json_string_value(json_array_get(ends, 1)));
        return false;
    }
    return json_is_true(json_object_get(net, "settled"));
}

/* One look.  `missing` says why not. */
static int is_settled(const struct lab *lab, bool *out, struct str *missing, struct errbuf *e)
{
    json_t *reply = NULL, *net = NULL;
    int err = rpc_call(lab->controller, "net/wait", json_pack("{s:i}", "timeout_ms", SETTLE_MS), CALL_MS, &reply, e);

    *out = json_is_true(json_object_get(reply, "settled"));
    print_missing(missing, reply);
    if (!err && *out)
        err = rpc_call(lab->controller, "net/show", json_object(), CALL_MS, &net, e);
    if (!err && *out)
        *out = are_links_up(net, missing);
    json_decref(reply);
    json_decref(net);
    return err;
}

int lab_daemons_wait(const struct lab *lab, struct errbuf *e)
{
    uint64_t end_ns = clock_now(NULL) + (uint64_t)SETTLE_ALL_MS * NSEC_PER_MS;
    struct str missing = { 0 };
    bool is_ready = !lab->doc->is_controlled;
    int err = 0;

    while (!err && !is_ready) {
        err = is_settled(lab, &is_ready, &missing, e);
        if (!err && lab_process_is_interrupted())
            err = -EINTR;
        if (!err && !is_ready && clock_now(NULL) > end_ns)
            err = errbuf_set(e, -ETIMEDOUT, "the controller does not settle: %s", str_text(&missing));
        if (!err && !is_ready)
            poll(NULL, 0, AGAIN_MS);
    }
    str_fini(&missing);
    return err;
}
