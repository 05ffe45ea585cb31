/* SPDX-License-Identifier: Apache-2.0 */
/* lab_up.c - see lab_up.h.
 *
 * Theory: nothing that a lab is made of has to be remembered.  Processes are known by their mark and their namespace,
 * namespaces by their names, files by their directory; so `undo` needs no record of how far a try came, and is the same after
 * a failure, for `trama lab down`, and before a lab is built.  Only `LAB_DIR_UP`, written last, says that a lab is whole. */
#include "tools/lab_up.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "io/file.h"
#include "tools/lab_daemons.h"
#include "tools/lab_dir.h"
#include "tools/lab_gateway.h"
#include "tools/lab_net.h"
#include "tools/lab_process.h"
#include "tools/lab_vm.h"

static int undo(const char *lab, struct errbuf *e)
{
    int err = lab_process_end_all(lab, e);

    if (!err)
        err = lab_net_remove(lab, e);
    if (!err)
        err = lab_dir_clear(lab, e);
    return err;
}

/* The document as it is now: whoever changes the file later does not change the lab. */
static int copy_document(const char *lab, const char *file, struct errbuf *e)
{
    char source[PATH_MAX], *text = NULL;
    size_t len = 0;
    int err = realpath(file, source) ? file_read(&text, &len, file, e)
                                     : errbuf_set(e, -errno, "%s: %s", file, strerror(errno));

    if (!err)
        err = lab_dir_write(lab, LAB_DIR_SOURCE, source, strlen(source), e);
    if (!err)
        err = lab_dir_write(lab, LAB_DIR_DOCUMENT, text, len, e);
    free(text);
    return err;
}

/* The lab as its copy of the document says. */
static int load_copy(struct lab **out, const char *name, const char *file, struct errbuf *e)
{
    char path[PATH_MAX];
    struct net_doc *doc;
    int err = copy_document(name, file, e);

    if (err)
        return err;
    lab_dir_path(path, name, LAB_DIR_DOCUMENT);
    err = net_doc_load(&doc, path, e);
    if (!err)
        err = lab_new(out, name, doc, e);
    if (!err)
        lab_dir_source(name, (*out)->source);
    return err;
}

static int start_vms(const struct lab *lab, struct errbuf *e)
{
    int err = 0;

    for (size_t i = 0; i < lab->doc->n_hosts && !err; i++)
        if (lab->doc->hosts[i].kind == NET_HOST_VM) {
            err = lab_vm_start(lab, (int)i, e);
            if (err)
                errbuf_prefix(e, "host %s", lab->doc->hosts[i].name);
        }
    return err;
}

static int build(const struct lab *lab, struct str *tail, struct errbuf *e)
{
    int err = lab_net_build(lab, e);

    if (!err && !lab_process_is_interrupted())
        err = lab_daemons_start(lab, tail, e);
    if (!err && !lab_process_is_interrupted())
        err = lab_net_wait(lab, e);
    if (!err && !lab_process_is_interrupted())
        err = lab_daemons_wait(lab, e);
    if (!err && !lab_process_is_interrupted())
        err = lab_gateway_start(lab, e);
    if (!err && !lab_process_is_interrupted())
        err = start_vms(lab, e);
    if (!err && !lab_process_is_interrupted())
        err = lab_dir_write(lab->name, LAB_DIR_UP, "", 0, e);
    return lab_process_is_interrupted() ? -EINTR : err;
}

/* The lock is held.  Only a lab that is whole is left alone. */
static int check_free(const char *name, struct errbuf *e)
{
    struct lab *lab;
    int err = lab_dir_is_up(name) ? lab_open(&lab, name, NULL) : -EAGAIN;

    if (err)
        return undo(name, e);
    lab_close(lab);
    return errbuf_set(e, -EEXIST, "lab %s is up already; `trama lab down %s` takes it down", name, name);
}

static int up_locked(struct lab **out, struct daemon *lock, const char *name, const char *file, struct str *tail,
                     struct errbuf *e)
{
    int err = check_free(name, e);
    struct errbuf other = { { 0 } };

    if (err == -EEXIST || err == -EBUSY) {
        daemon_fini(lock);
        return err;
    }
    *out = NULL;
    lab_process_catch_interrupts();
    if (!err)
        err = load_copy(out, name, file, e);
    if (!err)
        err = build(*out, tail, e);
    if (!err) {
        daemon_fini(lock);
        return 0;
    }
    lab_close(*out);
    if (err == -EINTR) {
        *e = (struct errbuf){ { 0 } };
        errbuf_set(e, err, "interrupted; nothing is left of lab %s", name);
    }
    if (undo(name, &other))
        fprintf(stderr, "trama: %s\n", other.text); /* beside the first failure */
    lab_dir_remove(lock, name, &other);
    return err;
}

/* Is here what guests need, if there are any? */
static int check_vms(const struct net_doc *doc, struct errbuf *e)
{
    for (size_t i = 0; i < doc->n_hosts; i++)
        if (doc->hosts[i].kind == NET_HOST_VM)
            return lab_vm_check(e);
    return 0;
}

/* Errors of the document, and its name. */
static int check_file(char name[LAB_NAME_SIZE], const char *file, const char *wanted, struct errbuf *e)
{
    struct net_doc *doc;
    int err = net_doc_load(&doc, file, e);

    if (err)
        return err;
    err = lab_check_name(wanted ? wanted : doc->name, e);
    if (err && !wanted)
        errbuf_prefix(e, "%s", file);
    if (!err)
        err = lab_check(doc, e);
    if (!err)
        err = check_vms(doc, e);
    if (!err)
        snprintf(name, LAB_NAME_SIZE, "%s", wanted ? wanted : doc->name);
    net_doc_free(doc);
    return err;
}

int lab_up(struct lab **out, const char *file, const char *name, struct str *tail, struct errbuf *e)
{
    char lab[LAB_NAME_SIZE], program[PATH_MAX];
    struct daemon lock;
    int err = check_file(lab, file, name, e);

    if (!err)
        err = lab_daemon_find(program, "trama-switchd", e);
    if (!err)
        err = lab_daemon_find(program, "trama-controller", e);
    if (!err && geteuid())
        err = errbuf_set(e, -EPERM, "building a lab needs root");
    daemon_init(&lock);
    if (!err)
        err = lab_dir_lock(&lock, lab, e);
    return err ? err : up_locked(out, &lock, lab, file, tail, e);
}

static int count_one(void *arg, const char *name)
{
    return 1;
}

int lab_down(const char *name, struct errbuf *e)
{
    struct daemon lock;
    int err;

    if (!lab_dir_exists(name) && !lab_process_netns(name, count_one, NULL))
        return errbuf_set(e, -ENOENT, "there is no lab %s; `trama lab list` shows those that there are", name);
    if (geteuid())
        return errbuf_set(e, -EPERM, "taking a lab down needs root");
    daemon_init(&lock);
    err = lab_dir_lock(&lock, name, e);
    if (err)
        return err;
    err = undo(name, e);
    if (err)
        daemon_fini(&lock);
    else
        err = lab_dir_remove(&lock, name, e);
    return err;
}
