/* SPDX-License-Identifier: Apache-2.0 */
/* lab_gateway.c - see lab_gateway.h.  The DHCP client is busybox's udhcpc, with a script that touches nothing but the host's
 * namespace: names are not looked up by what a lab tries. */
#include "tools/lab_gateway.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/netlink.h"
#include "tools/lab_dir.h"
#include "tools/lab_process.h"

static const char script[] =
    "#!/bin/sh\n"
    "# Made by `trama lab up`: what the DHCP client does with what it gets.\n"
    "case $1 in\n"
    "deconfig) ip -4 addr flush dev $interface; ip link set $interface up ;;\n"
    "bound|renew)\n"
    "    ip -4 addr replace $ip/$mask dev $interface\n"
    "    [ -z \"$mtu\" ] || ip link set $interface mtu $mtu\n"
    "    for router in $router; do ip -4 route replace default via $router dev $interface; break; done ;;\n"
    "esac\n"
    "exit 0\n";

bool lab_gateway_leads_out(const struct net_doc *doc, int network, uint8_t family)
{
    const struct net_leg *leg = net_doc_leg(doc, network);

    return leg && !leg->is_outside && net_doc_gateway(doc, network, family);
}

static bool has_family(const struct net_host *h, uint8_t family)
{
    for (size_t i = 0; i < h->n_addresses; i++)
        if (h->addresses[i].family == family)
            return true;
    return false;
}

static int set_routes(const struct lab *lab, size_t i, struct errbuf *e)
{
    const struct net_host *h = &lab->doc->hosts[i];
    const struct net_network *n = &lab->doc->networks[h->network];
    struct netlink *nl;
    int err = netlink_open(&nl, lab->hosts[i].netns, e);

    if (err)
        return err;
    if (n->mtu != NET_MTU)
        err = netlink_link_set_mtu(nl, lab->hosts[i].ifname, n->mtu, e);
    for (uint8_t family = 4; family <= 6 && !err; family += 2)
        if (has_family(h, family) && !(h->has_dhcp && family == 4) &&
            lab_gateway_leads_out(lab->doc, h->network, family))
            err = netlink_route_add(nl, NULL, net_doc_gateway(lab->doc, h->network, family), NULL, e);
    netlink_close(nl);
    return err;
}

static int start_client(const struct lab *lab, size_t i, const char *path, struct errbuf *e)
{
    char command[2 * PATH_MAX];
    const char *const argv[] = { "/bin/sh", "-c", command, NULL };

    snprintf(command, sizeof command,
             "exec busybox udhcpc -b -t 5 -T 1 -A 1 -i %s -x hostname:%s -s %s >/dev/null 2>&1", lab->hosts[i].ifname,
             lab->doc->hosts[i].name, path);
    if (lab_process_run(lab->name, lab->hosts[i].netns, argv, NULL))
        return errbuf_set(e, -ENOENT, "host %s: the DHCP client cannot be run; `busybox udhcpc` is needed",
                          lab->doc->hosts[i].name);
    return 0;
}

int lab_gateway_start(const struct lab *lab, struct errbuf *e)
{
    char path[PATH_MAX];
    bool has_script = false;
    int err = 0;

    for (size_t i = 0; i < lab->doc->n_hosts && !err; i++)
        if (lab->hosts[i].netns[0])
            err = set_routes(lab, i, e);
    for (size_t i = 0; i < lab->doc->n_hosts && !err; i++) {
        if (!lab->doc->hosts[i].has_dhcp || !lab->hosts[i].netns[0])
            continue;
        lab_dir_path(path, lab->name, LAB_DIR_SCRIPT);
        if (!has_script)
            err = lab_dir_write(lab->name, LAB_DIR_SCRIPT, script, sizeof script - 1, e);
        if (!err && !has_script && chmod(path, 0755))
            err = errbuf_set(e, -errno, "%s: %s", path, strerror(errno));
        has_script = true;
        if (!err)
            err = start_client(lab, i, path, e);
    }
    return err;
}
