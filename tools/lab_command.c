/* SPDX-License-Identifier: Apache-2.0 */
/* lab_command.c - `trama lab up|down|list|show|exec`. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "tools/commands.h"
#include "tools/lab_dir.h"
#include "tools/lab_process.h"
#include "tools/lab_up.h"
#include "tools/lab_vm.h"
#include "tools/text_table.h"

/* As env(1) and others have it, so that they differ from what a command says. */
enum { EXEC_FAILED = 125, EXEC_CANNOT_RUN = 126, EXEC_NOT_FOUND = 127 };

/* --- showing --- */

static const char *const kind_names[] = {
    [NET_HOST_NETNS] = "netns", [NET_HOST_VM] = "vm", [NET_HOST_EXTERNAL] = "external"
};

static json_t *host_json(const struct lab *lab, size_t i)
{
    const struct net_host *h = &lab->doc->hosts[i];
    json_t *addresses = json_array();
    char text[ADDR_TEXT_SIZE], port[NET_PORT_NAME], mac[NET_MAC_TEXT];

    for (size_t k = 0; k < h->n_addresses; k++)
        json_array_append_new(addresses, json_string(ip_prefix_format(&h->addresses[k], text, sizeof text)));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:o}", "name", h->name, "kind", kind_names[h->kind],
                     "network", lab->doc->networks[h->network].name, "switch", lab->doc->switches[h->at.sw].name,
                     "port", net_port_text(&h->at.port, port), "netns",
                     lab->hosts[i].netns[0] ? lab->hosts[i].netns : NULL, "interface",
                     lab->hosts[i].ifname[0] ? lab->hosts[i].ifname : NULL, "mac",
                     h->mac ? net_mac_text(h->mac, mac) : NULL, "addresses", addresses);
}

static json_t *lab_json(const struct lab *lab)
{
    json_t *hosts = json_array(), *switches = json_array();

    for (size_t i = 0; i < lab->doc->n_hosts; i++)
        json_array_append_new(hosts, host_json(lab, i));
    for (size_t i = 0; i < lab->doc->n_switches; i++)
        json_array_append_new(switches,
                              json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", lab->doc->switches[i].name, "netns",
                                        lab->switches[i].netns, "run_dir", lab->switches[i].run_dir, "control",
                                        lab->switches[i].control, "openflow", lab->switches[i].mgmt));
    return json_pack("{s:s, s:s, s:s, s:s*, s:o, s:o}", "name", lab->name, "file", lab->source, "run_dir", lab->dir,
                     "controller", lab->controller[0] ? lab->controller : NULL, "hosts", hosts, "switches", switches);
}

static void show_hosts(const struct lab *lab)
{
    struct text_table t;

    text_table_init(&t, "HOST NETWORK SWITCH PORT KIND NAMESPACE ADDRESSES");
    for (size_t i = 0; i < lab->doc->n_hosts; i++) {
        const struct net_host *h = &lab->doc->hosts[i];
        struct str addresses = { 0 };
        char text[ADDR_TEXT_SIZE];

        for (size_t k = 0; k < h->n_addresses; k++)
            str_printf(&addresses, "%s%s", k ? ", " : "", ip_prefix_format(&h->addresses[k], text, sizeof text));
        text_table_add(&t, "%s", h->name);
        text_table_add(&t, "%s", lab->doc->networks[h->network].name);
        text_table_add(&t, "%s", lab->doc->switches[h->at.sw].name);
        text_table_add(&t, "%s", net_port_text(&h->at.port, text));
        text_table_add(&t, "%s", kind_names[h->kind]);
        text_table_add(&t, "%s", lab->hosts[i].netns);
        text_table_add(&t, "%s", str_text(&addresses));
        str_fini(&addresses);
    }
    text_table_show(&t);
    text_table_fini(&t);
}

static void show_switches(const struct lab *lab)
{
    struct text_table t;

    text_table_init(&t, "SWITCH NAMESPACE RUN_DIR");
    for (size_t i = 0; i < lab->doc->n_switches; i++) {
        text_table_add(&t, "%s", lab->doc->switches[i].name);
        text_table_add(&t, "%s", lab->switches[i].netns);
        text_table_add(&t, "%s", lab->switches[i].run_dir);
    }
    text_table_show(&t);
    text_table_fini(&t);
}

static int run_show(struct cli *c)
{
    struct errbuf e = { { 0 } };
    struct lab *lab;

    if (lab_open(&lab, cli_arg(c, 0), &e))
        return cli_fail(CLI_FAILED, "%s", e.text);
    if (c->is_json) {
        cli_json(lab_json(lab));
    } else {
        printf("lab %s of %s\n", lab->name, lab->source);
        if (lab->controller[0])
            printf("controller: run_dir %s\n", lab->dir);
        putchar('\n');
        show_switches(lab);
        putchar('\n');
        show_hosts(lab);
    }
    lab_close(lab);
    return CLI_OK;
}

static int run_list(struct cli *c)
{
    struct errbuf e = { { 0 } };
    struct text_table t;
    char(*names)[LAB_NAME_SIZE], source[PATH_MAX];
    json_t *list = json_array();
    size_t n;

    if (lab_list(&names, &n, &e)) {
        json_decref(list);
        return cli_fail(CLI_FAILED, "%s", e.text);
    }
    text_table_init(&t, "LAB STATE FILE");
    for (size_t i = 0; i < n; i++) {
        struct lab *lab;
        const char *state = "up";

        if (lab_open(&lab, names[i], NULL))
            state = "broken";
        else
            lab_close(lab);
        lab_dir_source(names[i], source);
        text_table_add(&t, "%s", names[i]);
        text_table_add(&t, "%s", state);
        text_table_add(&t, "%s", source);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", names[i], "state", state, "file", source));
    }
    free(names);
    if (c->is_json)
        cli_json(json_incref(list));
    else if (n)
        text_table_show(&t);
    text_table_fini(&t);
    json_decref(list);
    return CLI_OK;
}

/* --- building --- */

static int run_up(struct cli *c)
{
    struct errbuf e = { { 0 } };
    struct str tail = { 0 };
    struct lab *lab;
    uint64_t start_ns = clock_now(NULL);
    int err = lab_up(&lab, cli_arg(c, 0), cli_value(c, "name"), &tail, &e);

    if (err) {
        if (tail.len)
            fprintf(stderr, "%s", str_text(&tail));
        str_fini(&tail);
        return cli_fail(CLI_FAILED, "%s", e.text);
    }
    str_fini(&tail);
    if (c->is_json)
        cli_json(lab_json(lab));
    else
        printf("lab %s is up: %zu switch%s, %zu host%s, in %.1f s\n", lab->name, lab->doc->n_switches,
               lab->doc->n_switches == 1 ? "" : "es", lab->doc->n_hosts, lab->doc->n_hosts == 1 ? "" : "s",
               (double)(clock_now(NULL) - start_ns) / NSEC_PER_S);
    lab_close(lab);
    return CLI_OK;
}

static int run_down(struct cli *c)
{
    struct errbuf e = { { 0 } };
    char name[LAB_NAME_SIZE];
    int err = lab_find(name, cli_arg(c, 0), &e);

    if (!err)
        err = lab_down(name, &e);
    if (err)
        return cli_fail(CLI_FAILED, "%s", e.text);
    if (c->is_json)
        return cli_json(json_pack("{s:s}", "down", name));
    printf("lab %s is down\n", name);
    return CLI_OK;
}

/* --- running something in a host --- */

/* /sys shows the interfaces of the namespace in which it was mounted. */
static void remount_sys(void)
{
    if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) || umount2("/sys", MNT_DETACH) ||
        mount("sysfs", "/sys", "sysfs", 0, NULL))
        return; /* nothing but a nicety is lost */
}

static int find_host(struct lab **lab, const char *name, const char *host_name, struct errbuf *e)
{
    int err = lab_open(lab, name, e), host;

    if (err)
        return err;
    host = net_doc_host((*lab)->doc, host_name);
    if (host == NET_NONE)
        err = errbuf_set(e, -ENOENT, "lab %s: there is no host '%s'; `trama lab show %s` lists them", (*lab)->name,
                         host_name, (*lab)->name);
    else if ((*lab)->doc->hosts[host].kind == NET_HOST_EXTERNAL)
        err = errbuf_set(e, -EINVAL, "lab %s: host %s is external: none of the lab's own machines", (*lab)->name,
                         host_name);
    if (err)
        lab_close(*lab);
    return err ? err : host;
}

/* The guest has one shell, and this process stays to carry what is said to and fro. */
static int exec_vm(struct lab *lab, int host, char **argv)
{
    char *shell[] = { "/bin/sh", NULL };
    struct errbuf e = { { 0 } };
    int code = lab_vm_exec(lab, host, *argv ? argv : shell, &e);

    lab_close(lab);
    if (code >= 0)
        return code;
    cli_fail(CLI_FAILED, "%s", e.text);
    return EXEC_FAILED;
}

static int run_exec(struct cli *c)
{
    struct errbuf e = { { 0 } };
    const char *shell = getenv("SHELL");
    char *lone[] = { (char *)(shell && *shell ? shell : "/bin/sh"), NULL };
    char **argv = c->args + 2;
    struct lab *lab;
    int host, err;

    if (*argv && !strcmp(*argv, "--"))
        argv++;
    host = find_host(&lab, cli_arg(c, 0), cli_arg(c, 1), &e);
    if (host >= 0 && lab->doc->hosts[host].kind == NET_HOST_VM)
        return exec_vm(lab, host, argv);
    if (host < 0 || lab_process_begin(lab->name, lab->hosts[host].netns, &e)) {
        cli_fail(CLI_FAILED, "%s", e.text);
        return EXEC_FAILED;
    }
    remount_sys();
    lab_close(lab);
    if (!*argv)
        argv = lone;
    execvp(argv[0], argv);
    err = errno;
    cli_fail(CLI_FAILED, "%s: %s", argv[0], strerror(err));
    return err == ENOENT ? EXEC_NOT_FOUND : EXEC_CANNOT_RUN;
}

static const struct cli_option up_options[] = {
    { "name", 'n', "NAME",
      "what the lab is called; default: the name in the document, or the file's without \".yaml\"" },
    { 0 },
};

const struct cli_command lab_commands[] = {
    { "lab up", "FILE", "Builds the network of a document on this machine", run_up, 1, 1, up_options,
      "Hosts become network namespaces, each switch a trama-switchd, beside a trama-controller.\n"
      "It returns when everything is ready, or leaves nothing behind.\n" },
    { "lab down", "LAB", "Takes a lab away: processes, namespaces, files", run_down, 1, 1, NULL,
      "LAB is its name, or the document from which it was made.  What is left of a lab that was killed or\n"
      "half built is taken away too.\n" },
    { "lab list", "", "The labs of this machine", run_list },
    { "lab show", "LAB", "Hosts, addresses, namespaces and sockets of a lab", run_show, 1, 1 },
    { "lab exec", "LAB HOST [COMMAND]...", "Runs a command in a host of a lab; without one, a shell", run_exec, 2, -1,
      NULL,
      "The exit code is the command's; 125: the lab or the host is not there, 126: the command cannot be\n"
      "run, 127: there is none of this name.  Example: trama lab exec vlans h1 -- ping -c 3 10.0.10.2\n",
      CLI_STOP_AT_ARG },
    { 0 },
};
