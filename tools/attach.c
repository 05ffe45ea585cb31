/* SPDX-License-Identifier: Apache-2.0 */
/* attach.c - `trama attach` and `trama detach`: what is on this machine, by its name, to a bridge.  An interface that exists
 * (a virtual machine's tap, a veth end, a NIC) becomes a port of type netdev; into a namespace a port of type tap is put. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/netlink.h"
#include "io/netns.h"
#include "openflow/ofp.h"
#include "tools/commands.h"
#include "tools/reply.h"
#include "tools/switch.h"

/* What NAME is. */
enum what { WHAT_DEVICE, WHAT_NETNS };

struct attachment {
    enum what what;
    const char *port;  /* its name, and the interface's */
    const char *netns; /* where the interface is, or shall be; NULL: here */
};

/* Is there an interface of this name in the namespace?  1, 0 or a negative errno. */
static int has_device(const char *netns, const char *name, struct errbuf *e)
{
    struct netlink_link link;
    struct netlink *nl;
    int err;

    if (!*name || strlen(name) >= NETLINK_NAME_SIZE)
        return 0;
    err = netlink_open(&nl, netns, e);
    if (err)
        return err;
    err = netlink_link_find(nl, name, &link, NULL);
    netlink_close(nl);
    return err == -ENODEV ? 0 : err ? errbuf_set(e, err, "interface %s: %s", name, strerror(-err)) : 1;
}

static int find(const struct cli *c, struct attachment *a)
{
    const char *name = c->args[0], *netns = cli_value(c, "netns");
    struct errbuf e = { { 0 } };
    int is_device;
    bool is_netns;

    *a = (struct attachment){ .port = name, .netns = netns };
    if (netns && !strchr(netns, '/') && !netns_exists(netns))
        return cli_fail(CLI_FAILED, "there is no network namespace %s", netns);
    is_device = has_device(netns, name, &e);
    if (is_device < 0)
        return cli_fail(CLI_FAILED, "%s", e.text);
    if (netns) {
        a->what = is_device ? WHAT_DEVICE : WHAT_NETNS;
        return CLI_OK;
    }
    is_netns = netns_exists(name);
    if (is_device && is_netns)
        return cli_usage_fail(
            c,
            "%s is an interface and a network namespace; 'trama switch port add %s type=netdev' takes the "
            "interface, 'trama attach PORT --netns %s' the namespace",
            name, name, name);
    if (!is_device && !is_netns)
        return cli_fail(CLI_FAILED, "there is neither an interface nor a network namespace %s", name);
    a->what = is_device ? WHAT_DEVICE : WHAT_NETNS;
    if (is_netns)
        a->netns = name;
    return CLI_OK;
}

/* Adds "vlan: {...}" as the options say. */
static int vlan_settings(const struct cli *c, struct str *s)
{
    const char *trunk = cli_value(c, "trunk");
    uint64_t vlan = 0, native = 0;
    int code = cli_number(c, "vlan", 1, 4094, &vlan);

    if (!code)
        code = cli_number(c, "native", 1, 4094, &native);
    if (code)
        return code;
    if (vlan && (trunk || native))
        return cli_usage_fail(c, "--vlan does not go with --trunk or --native");
    if (trunk && strspn(trunk, "0123456789,-") != strlen(trunk) && strcmp(trunk, "all"))
        return cli_usage_fail(c, "--trunk: '%s' is neither 'all' nor VLANs such as 10,20-30", trunk);
    if (vlan)
        str_printf(s, "vlan: {access: %u}\n", (unsigned)vlan);
    if (trunk && !strcmp(trunk, "all"))
        str_add(s, "vlan: {trunk: all");
    else if (trunk)
        str_printf(s, "vlan: {trunk: [%s]", trunk);
    else if (native)
        str_add(s, "vlan: {trunk: all");
    if (native)
        str_printf(s, ", native: %u", (unsigned)native);
    if (trunk || native)
        str_add(s, "}\n");
    return CLI_OK;
}

static int number_setting(const struct cli *c, const char *name, uint64_t max, struct str *s)
{
    uint64_t v = 0;
    int code = cli_number(c, name, 1, max, &v);

    if (!code && v)
        str_printf(s, "%s: %llu\n", name, (unsigned long long)v);
    return code;
}

/* Options that make an interface; one that is there already has its own. */
static int tap_settings(const struct cli *c, const struct attachment *a, struct str *s)
{
    static const char *const names[] = { "address", "gateway", "mac" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = cli_value(c, names[i]);

        if (!value)
            continue;
        if (a->what == WHAT_DEVICE)
            return cli_usage_fail(c, "--%s is for a namespace; interface %s is there already and keeps its own",
                                  names[i], a->port);
        if (strpbrk(value, "\n#'\"{}[]&*!|>%@"))
            return cli_usage_fail(c, "--%s: '%s' is no address", names[i], value);
        str_printf(s, strcmp(names[i], "address") ? "%s: '%s'\n" : "%s: [%s]\n", names[i], value);
    }
    return CLI_OK;
}

static int settings(const struct cli *c, const struct attachment *a, struct str *s)
{
    int code;

    str_printf(s, "type: %s\n", a->what == WHAT_DEVICE ? "netdev" : "tap");
    if (a->netns)
        str_printf(s, "netns: '%s'\n", a->netns);
    code = tap_settings(c, a, s);
    if (!code)
        code = number_setting(c, "ofport", OFPP_MAX, s);
    if (!code)
        code = number_setting(c, "mtu", 65535, s);
    return code ? code : vlan_settings(c, s);
}

/* Frames pass only through an interface that is up. */
static int bring_up(const struct attachment *a)
{
    struct errbuf e = { { 0 } };
    struct netlink *nl;
    int err = netlink_open(&nl, a->netns, &e);

    if (err)
        return cli_fail(CLI_FAILED, "%s", e.text);
    err = netlink_link_up(nl, a->port, &e);
    netlink_close(nl);
    return err ? cli_fail(CLI_FAILED, "%s", e.text) : CLI_OK;
}

static int run_attach(struct cli *c)
{
    char bridge[SWITCH_BRIDGE_SIZE];
    struct attachment a;
    struct str s = { 0 };
    int code = find(c, &a);

    if (!code)
        code = settings(c, &a, &s);
    if (!code)
        code = switch_choose_bridge(c, bridge);
    if (!code)
        code = switch_port_add(c, bridge, a.port, str_text(&s));
    if (!code && a.what == WHAT_DEVICE)
        code = bring_up(&a);
    str_fini(&s);
    return code;
}

/* --- detach --- */

/* By the port's name; else by the namespace or device that a single port has. */
static const json_t *find_port(const json_t *list, const char *name, size_t *n_found)
{
    static const char *const keys[] = { "name", "device", "netns" };

    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        const json_t *found = NULL;
        json_t *port;
        size_t i;

        *n_found = 0;
        json_array_foreach(list, i, port) if (!strcmp(reply_text(port, keys[k]), name))
        {
            found = port;
            ++*n_found;
        }
        if (found)
            return found;
    }
    return NULL;
}

static int run_detach(struct cli *c)
{
    json_t *list;
    const json_t *port;
    size_t n;
    int code = cli_call(c, CLI_SWITCHD, "port/list", NULL, &list);

    if (code)
        return code;
    port = *c->args[0] ? find_port(list, c->args[0], &n) : NULL;
    if (!port)
        code = cli_fail(CLI_FAILED, "nothing called '%s' is attached", c->args[0]);
    else if (n > 1)
        code = cli_fail(CLI_FAILED, "%zu ports are in %s; name the port instead", n, c->args[0]);
    else
        code = switch_port_del(c, port);
    json_decref(list);
    return code;
}

static const struct cli_option attach_options[] = {
    { "bridge", 'b', "BRIDGE", "the bridge; not needed where there is only one" },
    { "vlan", 0, "N", "the VLAN that its untagged frames belong to (access port)" },
    { "trunk", 0, "LIST", "the VLANs that it carries with tags: 10,20-30, or all (default)" },
    { "native", 0, "N", "beside tagged ones: the VLAN of its untagged frames" },
    { "ofport", 0, "N", "its OpenFlow number; default: the first free one" },
    { "netns", 0, "NETNS", "NAME is in this namespace; where it is not there, it is made" },
    { "address", 0, "LIST", "of the interface that is made: 10.0.0.5/24,fd00::5/64" },
    { "gateway", 0, "ADDRESS", "default route in the namespace" },
    { "mac", 0, "MAC", "of the interface that is made" },
    { "mtu", 0, "N", "its MTU" },
    { 0 },
};

const struct cli_command attach_commands[] = {
    { "attach", "DEVICE|NETNS", "Attaches an interface (a VM's tap, a veth) or a network namespace", run_attach, 1, 1,
      attach_options,
      "  trama attach vnet0 --vlan 10                        the tap of a virtual machine\n"
      "  trama attach web --vlan 10 --address 10.0.0.5/24    a namespace: gets an interface called web\n"
      "  trama attach eth1 --netns web --trunk 10,20         an interface in a namespace\n" },
    { "detach", "PORT", "Takes it off again, by the name of the port, the interface or the namespace", run_detach, 1,
      1 },
    { 0 },
};
