/* SPDX-License-Identifier: Apache-2.0 */
/* lab_vm.c - see lab_vm.h: the files of a guest and its start.  What is done in it is in lab_vm_exec.c. */
#include "tools/lab_vm.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/addr.h"
#include "tools/agent_link.h"
#include "tools/initramfs.h"
#include "tools/lab_daemons.h"
#include "tools/lab_guest.h"
#include "tools/lab_process.h"
#include "tools/lab_vm_impl.h"

enum { MEMORY_MB = 160, ARGS_MAX = 64, ARG_SIZE = 512 };

/* What a kernel has built in is no file, and left out. */
static const char *const modules[] = {
    "drivers/virtio/virtio_ring.ko",
    "drivers/virtio/virtio.ko",
    "drivers/virtio/virtio_pci_legacy_dev.ko",
    "drivers/virtio/virtio_pci_modern_dev.ko",
    "drivers/virtio/virtio_pci.ko",
    "drivers/char/virtio_console.ko",
    "net/core/failover.ko",
    "drivers/net/net_failover.ko",
    "drivers/net/virtio_net.ko",
};
enum { N_MODULES = sizeof modules / sizeof *modules };

/* Without self tests, and with a clock that need not be measured first: measuring goes wrong when this machine is busy. */
#define QUICK_BOOT "quiet cryptomgr.notests no_timer_check tsc=unstable clocksource=hpet nolapic_timer"

struct parts {
    char qemu[PATH_MAX], busybox[PATH_MAX], guest[PATH_MAX], kernel[PATH_MAX];
    char modules[PATH_MAX]; /* the directory "kernel" of the modules */
};

/* --- what it is made of --- */

static int path_make(char out[PATH_MAX], const char *dir, const char *rest)
{
    return snprintf(out, PATH_MAX, "%s/%s", dir, rest) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* A program in PATH or where Debian has it. */
static bool program_find(char out[PATH_MAX], const char *name)
{
    const char *path = getenv("PATH");
    struct str all = { 0 };
    bool is_found = false;
    char *rest;

    str_printf(&all, "%s:/usr/bin:/bin", path ? path : "");
    for (char *dir = strtok_r(all.s, ":", &rest); dir && !is_found; dir = strtok_r(NULL, ":", &rest))
        is_found = !path_make(out, dir, name) && !access(out, X_OK);
    str_fini(&all);
    return is_found;
}

/* TREE/lib/modules/VERSION/kernel: script/setup unpacks one version. */
static bool modules_find(char out[PATH_MAX], const char *cache)
{
    struct dirent **names;
    char dir[PATH_MAX];
    bool is_found = false;
    int n;

    if (path_make(dir, cache, "kernel/tree/lib/modules"))
        return false;
    n = scandir(dir, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.' && !is_found)
            is_found = snprintf(out, PATH_MAX, "%s/%s/kernel", dir, names[i]->d_name) < PATH_MAX && !access(out, R_OK);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return is_found;
}

static int parts_find(struct parts *p, struct errbuf *e)
{
    const char *cache = getenv("TRAMA_CACHE");

    if (!cache || !*cache)
        cache = "/var/cache/trama";
    if (!program_find(p->qemu, "qemu-system-x86_64"))
        return errbuf_set(e, -EOPNOTSUPP,
                          "a host of kind vm needs qemu-system-x86_64, which is not here; script/setup installs it");
    if (!program_find(p->busybox, "busybox"))
        return errbuf_set(e, -EOPNOTSUPP,
                          "a host of kind vm needs busybox, which is not here; script/setup installs it");
    if (path_make(p->kernel, cache, "kernel/vmlinuz") || access(p->kernel, R_OK) || !modules_find(p->modules, cache))
        return errbuf_set(
            e, -EOPNOTSUPP,
            "a host of kind vm needs a kernel in %s/kernel, which is not there; script/setup puts it there", cache);
    return lab_daemon_find(p->guest, "trama-guest", e) ? -EOPNOTSUPP : 0;
}

int lab_vm_check(struct errbuf *e)
{
    struct parts p;

    return parts_find(&p, e);
}

static int initramfs_make(const struct parts *p, const char *path, struct errbuf *e)
{
    static const char *const dirs[] = { "bin", "dev", "etc", "modules", "proc", "root", "run", "sys", "tmp" };
    struct initramfs a;

    initramfs_open(&a, path, e);
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        initramfs_dir(&a, dirs[i]);
    initramfs_device(&a, "dev/console", 5, 1);
    initramfs_file(&a, "init", 0755, p->guest);
    initramfs_file(&a, "bin/busybox", 0755, p->busybox);
    for (size_t i = 0; i < N_MODULES; i++) {
        char from[PATH_MAX], name[64];

        snprintf(name, sizeof name, "modules/%02zu.ko", i);
        if (!path_make(from, p->modules, modules[i]) && !access(from, R_OK))
            initramfs_file(&a, name, 0644, from);
    }
    return initramfs_close(&a);
}

/* --- its files --- */

int lab_vm_path(char out[LAB_PATH_SIZE], const struct lab *lab, int host, const char *file)
{
    int n = snprintf(out, LAB_PATH_SIZE, "%s/%s.vm/%s", lab->dir, lab->doc->hosts[host].name, file);

    return n < LAB_PATH_SIZE ? 0 : -ENAMETOOLONG;
}

static int dir_make(const struct lab *lab, int host, struct errbuf *e)
{
    char path[LAB_PATH_SIZE];

    if (lab_vm_path(path, lab, host, "agent.0"))
        return errbuf_set(e, -ENAMETOOLONG, "lab %s, host %s: the path of its directory is too long", lab->name,
                          lab->doc->hosts[host].name);
    lab_vm_path(path, lab, host, "");
    if (mkdir(path, 0700) && errno != EEXIST)
        return errbuf_set(e, -errno, "%s: %s", path, strerror(errno));
    return 0;
}

/* --- start --- */

struct command {
    const char *argv[ARGS_MAX + 1];
    char text[ARGS_MAX][ARG_SIZE];
    int n;
};

__attribute__((format(printf, 2, 3))) static void arg(struct command *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(c->text[c->n], ARG_SIZE, fmt, args);
    va_end(args);
    c->argv[c->n] = c->text[c->n];
    c->n++;
}

static void command_make(struct command *c, const struct parts *p, const struct lab *lab, int host, const char *dir)
{
    char mac[NET_MAC_TEXT];

    arg(c, "%s", p->qemu);
    arg(c, "-accel");
    arg(c, "tcg");
    arg(c, "-nodefaults");
    arg(c, "-no-user-config");
    arg(c, "-no-reboot");
    arg(c, "-name");
    arg(c, "%s:%s", lab->name, lab->doc->hosts[host].name);
    arg(c, "-m");
    arg(c, "%d", MEMORY_MB);
    arg(c, "-display");
    arg(c, "none");
    arg(c, "-kernel");
    arg(c, "%s", p->kernel);
    arg(c, "-initrd");
    arg(c, "%sinitramfs", dir);
    arg(c, "-append");
    arg(c, "console=ttyS0 panic=-1 net.ifnames=0 " QUICK_BOOT);
    arg(c, "-serial");
    arg(c, "file:%sconsole", dir);
    arg(c, "-netdev");
    arg(c, "tap,id=net,ifname=%s,script=no,downscript=no,vnet_hdr=on", lab->hosts[host].ifname);
    arg(c, "-device");
    arg(c, "virtio-net-pci,netdev=net,romfile=,mac=%s", net_mac_text(lab->doc->hosts[host].mac, mac));
    arg(c, "-device");
    arg(c, "virtio-serial-pci");
    for (int i = 0; i < LAB_GUEST_PORTS; i++) {
        arg(c, "-chardev");
        arg(c, "socket,id=agent%d,path=%sagent.%d,server=on,wait=off", i, dir, i);
        arg(c, "-device");
        arg(c, "virtserialport,chardev=agent%d,name=" LAB_GUEST_PORT, i, i);
    }
    arg(c, "-pidfile");
    arg(c, "%spid", dir);
    arg(c, "-daemonize");
}

/* What the first command in the guest is: as a shell script, with addresses that are there at once. */
static void script_make(struct str *s, const struct net_host *h)
{
    char text[ADDR_TEXT_SIZE];

    str_printf(
        s, "hostname %s && echo 0 > /proc/sys/net/ipv6/conf/" LAB_GUEST_INTERFACE "/accept_dad && ip link set lo up",
        h->name);
    for (size_t i = 0; i < h->n_addresses; i++)
        str_printf(s, " && ip addr add %s dev " LAB_GUEST_INTERFACE,
                   ip_prefix_format(&h->addresses[i], text, sizeof text));
    str_add(s, " && ip link set " LAB_GUEST_INTERFACE " up");
}

static int guest_configure(const struct lab *lab, int host, struct errbuf *e)
{
    struct str script = { 0 }, said = { 0 };
    struct agent_link *l = NULL;
    int err = lab_vm_link(&l, lab, host, e);

    script_make(&script, &lab->doc->hosts[host]);
    if (!err)
        err = lab_vm_run(l, (const char *const[]){ "/bin/sh", "-c", str_text(&script), NULL }, &said);
    if (err > 0)
        err = -EIO;
    if (err)
        errbuf_set(e, err, "the guest cannot be given its addresses: %s", said.len ? str_text(&said) : strerror(-err));
    agent_link_close(l);
    str_fini(&script);
    str_fini(&said);
    return err;
}

int lab_vm_start(const struct lab *lab, int host, struct errbuf *e)
{
    struct command *c = calloc(1, sizeof *c);
    char dir[LAB_PATH_SIZE], initramfs[LAB_PATH_SIZE];
    struct parts p;
    int err = c ? parts_find(&p, e) : errbuf_set(e, -ENOMEM, "not enough memory");

    if (!err)
        err = dir_make(lab, host, e);
    if (!err) {
        lab_vm_path(dir, lab, host, "");
        err = lab_vm_path(initramfs, lab, host, "initramfs");
    }
    if (!err)
        err = initramfs_make(&p, initramfs, e);
    if (!err) {
        command_make(c, &p, lab, host, dir);
        err = lab_process_run(lab->name, lab->switches[lab->doc->hosts[host].at.sw].netns, c->argv, e);
    }
    if (!err)
        err = guest_configure(lab, host, e);
    free(c);
    return err;
}
