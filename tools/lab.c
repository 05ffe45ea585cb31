/* SPDX-License-Identifier: Apache-2.0 */
/* lab.c - see lab.h: names and paths, and how a lab that is up is found. */
#include "tools/lab.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/lab_dir.h"
#include "tools/lab_process.h"

static bool is_name(const char *name)
{
    static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t len = strlen(name);

    return len && len < LAB_NAME_SIZE && !name[strspn(name, chars)] && !strchr("_-.", name[0]);
}

int lab_check_name(const char *name, struct errbuf *e)
{
    if (is_name(name))
        return 0;
    return errbuf_set(
        e, -EINVAL,
        "'%.64s' is not a possible name of a lab: 1 to %d letters, digits and \"_-.\", the first a letter or "
        "digit",
        name, LAB_NAME_SIZE - 1);
}

const char *lab_port_name(const struct net_port_ref *port, char out[NET_PORT_NAME])
{
    if (port->name[0])
        snprintf(out, NET_PORT_NAME, "%s", port->name);
    else
        snprintf(out, NET_PORT_NAME, "p%u", (unsigned)port->number);
    return out;
}

/* The path that is the longest of its kind must fit into a socket's address; `name` is whose it is. */
static int path_make(char out[LAB_PATH_SIZE], const char *name, struct errbuf *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static int path_make(char out[LAB_PATH_SIZE], const char *name, struct errbuf *e, const char *fmt, ...)
{
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(out, LAB_PATH_SIZE, fmt, ap);
    va_end(ap);
    if (len < LAB_PATH_SIZE)
        return 0;
    return errbuf_set(e, -ENAMETOOLONG, "%s: the name is too long for a lab below %s: %.100s...", name, LAB_ROOT, out);
}

static int switch_make(struct lab_switch *s, const struct lab *lab, const char *name, struct errbuf *e)
{
    /* what the daemon makes of it: the process id in the name, sockets of captures */
    enum { LONGEST_FILE = sizeof "/trama-switchd.4194304.ctl" - 1 };
    int err = path_make(s->run_dir, name, e, "%s/%s", lab->dir, name);

    if (!err && strlen(s->run_dir) + LONGEST_FILE >= LAB_PATH_SIZE)
        err = errbuf_set(e, -ENAMETOOLONG, "%s: the name is too long for a lab below %s", name, LAB_ROOT);
    if (!err)
        err = path_make(s->control, name, e, "%s/trama-switchd.ctl", s->run_dir);
    if (!err)
        err = path_make(s->mgmt, name, e, "%s/%s.mgmt", s->run_dir, name);
    snprintf(s->netns, sizeof s->netns, "%s@%s", lab->name, name);
    return err;
}

int lab_new(struct lab **out, const char *name, struct net_doc *doc, struct errbuf *e)
{
    struct lab *lab = calloc(1, sizeof *lab);
    int err = lab ? 0 : errbuf_set(e, -ENOMEM, "not enough memory");

    if (!lab) {
        net_doc_free(doc);
        return err;
    }
    lab->doc = doc;
    lab->switches = calloc(doc->n_switches + 1, sizeof *lab->switches);
    lab->hosts = calloc(doc->n_hosts + 1, sizeof *lab->hosts);
    if (!lab->switches || !lab->hosts)
        err = errbuf_set(e, -ENOMEM, "not enough memory");
    snprintf(lab->name, sizeof lab->name, "%s", name);
    if (!err)
        err = path_make(lab->dir, name, e, "%s/%s", LAB_ROOT, name);
    if (!err && doc->is_controlled)
        err = path_make(lab->controller, name, e, "%s/trama-controller.ctl", lab->dir);
    for (size_t i = 0; i < doc->n_switches && !err; i++)
        err = switch_make(&lab->switches[i], lab, doc->switches[i].name, e);
    for (size_t i = 0; i < doc->n_hosts && !err; i++) {
        const struct net_host *h = &doc->hosts[i];

        if (h->kind == NET_HOST_NETNS)
            snprintf(lab->hosts[i].netns, LAB_NETNS_SIZE, "%s:%s", name, h->name);
        if (h->kind != NET_HOST_EXTERNAL)
            lab_port_name(&h->at.port, lab->hosts[i].ifname);
    }
    if (err)
        lab_close(lab);
    else
        *out = lab;
    return err;
}

void lab_close(struct lab *lab)
{
    if (!lab)
        return;
    net_doc_free(lab->doc);
    free(lab->switches);
    free(lab->hosts);
    free(lab);
}

static bool is_daemon_up(const char *run_dir, const char *program)
{
    char path[LAB_PATH_SIZE + 32];

    snprintf(path, sizeof path, "%s/%s.lock", run_dir, program);
    return lab_process_is_locked(path);
}

/* -EAGAIN: some piece is not there (yet, or any more). */
static int check_up(const struct lab *lab, struct errbuf *e)
{
    if (!lab_dir_is_up(lab->name))
        return errbuf_set(e, -EAGAIN, "lab %s is not up as a whole: `trama lab up` builds it anew", lab->name);
    if (lab->controller[0] && !is_daemon_up(lab->dir, "trama-controller"))
        return errbuf_set(
            e, -EAGAIN, "lab %s: its controller does not run any more: `trama lab up` builds the lab anew", lab->name);
    for (size_t i = 0; i < lab->doc->n_switches; i++)
        if (!is_daemon_up(lab->switches[i].run_dir, "trama-switchd"))
            return errbuf_set(
                e, -EAGAIN, "lab %s: the daemon of switch %s does not run any more: `trama lab up` builds the lab anew",
                lab->name, lab->doc->switches[i].name);
    return 0;
}

int lab_open(struct lab **out, const char *name_or_file, struct errbuf *e)
{
    char name[LAB_NAME_SIZE], path[PATH_MAX];
    struct net_doc *doc;
    struct lab *lab;
    int err = lab_find(name, name_or_file, e);

    if (err)
        return err;
    if (!lab_dir_exists(name))
        return errbuf_set(e, -ENOENT, "there is no lab %s; `trama lab list` shows those that there are", name);
    lab_dir_path(path, name, LAB_DIR_DOCUMENT);
    if (access(path, R_OK))
        return errbuf_set(e, -EAGAIN, "lab %s is not up as a whole: `trama lab up` builds it anew", name);
    err = net_doc_load(&doc, path, e);
    if (!err)
        err = lab_new(&lab, name, doc, e);
    if (err)
        return err;
    lab_dir_source(name, lab->source);
    err = check_up(lab, e);
    if (err)
        lab_close(lab);
    else
        *out = lab;
    return err;
}

/* The lab that was made from this file; -ENOENT: none. */
static int find_by_source(char name[LAB_NAME_SIZE], const char *file, struct errbuf *e)
{
    char(*names)[LAB_NAME_SIZE];
    char source[PATH_MAX], *path = realpath(file, NULL);
    size_t n = 0, n_found = 0;
    int err = path ? lab_list(&names, &n, e) : -ENOENT;

    if (err) {
        free(path);
        return err;
    }
    for (size_t i = 0; i < n; i++) {
        lab_dir_source(names[i], source);
        if (strcmp(source, path) != 0)
            continue;
        snprintf(name, LAB_NAME_SIZE, "%s", names[i]);
        n_found++;
    }
    free(names);
    free(path);
    if (n_found > 1)
        return errbuf_set(e, -EINVAL, "%s: %zu labs were made from this file; name the one you mean", file, n_found);
    return n_found ? 0 : -ENOENT;
}

int lab_find(char name[LAB_NAME_SIZE], const char *name_or_file, struct errbuf *e)
{
    struct net_doc *doc;
    struct stat st;
    int err;

    if (!strchr(name_or_file, '/') && is_name(name_or_file) &&
        (lab_dir_exists(name_or_file) || stat(name_or_file, &st))) {
        snprintf(name, LAB_NAME_SIZE, "%s", name_or_file);
        return 0;
    }
    err = find_by_source(name, name_or_file, e);
    if (err != -ENOENT)
        return err;
    err = net_doc_load(&doc, name_or_file, e);
    if (err)
        return err;
    err = lab_check_name(doc->name, e);
    if (!err)
        snprintf(name, LAB_NAME_SIZE, "%s", doc->name);
    net_doc_free(doc);
    return err;
}

static int is_lab_entry(const struct dirent *d)
{
    return is_name(d->d_name);
}

int lab_list(char (**out)[LAB_NAME_SIZE], size_t *n, struct errbuf *e)
{
    struct dirent **entries = NULL;
    int count = scandir(LAB_ROOT, &entries, is_lab_entry, alphasort);

    if (count < 0 && errno != ENOENT)
        return errbuf_set(e, -errno, "%s: %s", LAB_ROOT, strerror(errno));
    *n = 0;
    *out = calloc(count > 0 ? (size_t)count : 1, LAB_NAME_SIZE);
    for (int i = 0; i < count; i++) {
        if (*out && lab_dir_exists(entries[i]->d_name))
            memcpy((*out)[(*n)++], entries[i]->d_name, strlen(entries[i]->d_name) + 1); /* is_name: it fits */
        free(entries[i]);
    }
    free(entries);
    return *out ? 0 : errbuf_set(e, -ENOMEM, "not enough memory");
}
