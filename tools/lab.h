/* SPDX-License-Identifier: Apache-2.0 */
/* lab.h - a lab: one network document built on this machine, and where everything of it is.
 * Flow: document -> lab_up -> namespaces, switch daemons, controller;  name -> [lab_open] -> exec, test, show.
 *
 * All of lab LAB is found by its name, so that it can be taken away when nothing is left of it but pieces:
 *   /run/trama/lab/LAB/        its directory: LAB.yaml (a copy of the document), the controller's sockets, and below
 *                SWITCH/       the run_dir of each switch daemon: switch.yaml, log, sockets
 *   LAB:HOST                   the network namespace of a host of kind netns, with one interface called as its port
 *   LAB@SWITCH                 that of a switch daemon: ends of links, and what hosts are attached to by `netdev` (a veth
 *                              end, a VM's tap), each called as its port
 *   TRAMA_LAB=LAB              in the environment of each process (':' and '@' are in no name of a document)
 * Thread: any. */
#ifndef TOOLS_LAB_H
#define TOOLS_LAB_H

#include <limits.h>
#include <stdbool.h>

#include "base/errbuf.h"
#include "net/net_doc.h"

enum { LAB_NAME_SIZE = 32, LAB_NETNS_SIZE = 2 * LAB_NAME_SIZE, LAB_PATH_SIZE = 108 };
#define LAB_ROOT "/run/trama/lab" /* with what is above it made and removed as needed */
#define LAB_VARIABLE "TRAMA_LAB"

struct lab_switch {
    char netns[LAB_NETNS_SIZE];
    char run_dir[LAB_PATH_SIZE];
    char control[LAB_PATH_SIZE]; /* the daemon's control socket */
    char mgmt[LAB_PATH_SIZE];    /* OpenFlow; the bridge is called as the switch */
};

struct lab_host {
    char netns[LAB_NETNS_SIZE]; /* "": not a namespace (vm, external) */
    char ifname[NET_PORT_NAME]; /* netns: its interface; vm: its tap, in the namespace of its switch; external: "" */
};

struct lab {
    char name[LAB_NAME_SIZE];
    char dir[LAB_PATH_SIZE];
    char source[PATH_MAX];          /* the file that it was made from; "": not known */
    char controller[LAB_PATH_SIZE]; /* its control socket; "": the document has no controller */
    struct net_doc *doc;            /* the copy, not what the file may say by now */
    struct lab_switch *switches;    /* as many as doc->switches, in that order */
    struct lab_host *hosts;         /* likewise */
};

/* A name that a lab can have: 1 to 31 letters, digits, '_', '-', '.', the first a letter or digit. */
int lab_check_name(const char *name, struct errbuf *e);

/* Works out all names and paths for `doc` (taken, also on failure) built as lab `name`; nothing is made.
 * -ENAMETOOLONG: a path would be too long for a socket.  Gives `*out`: end with lab_close. */
int lab_new(struct lab **out, const char *name, struct net_doc *doc, struct errbuf *e);
/* A lab that is up, by its name or the document's file.  -ENOENT: there is none; -EAGAIN: it is not (any more) up as a whole.
 * Gives `*out`: end with lab_close, which leaves the lab as it is. */
int lab_open(struct lab **out, const char *name_or_file, struct errbuf *e);
void lab_close(struct lab *lab);

/* The lab's name for what a user wrote: a name, or a file from which a lab was made, or whose document has such a name. */
int lab_find(char name[LAB_NAME_SIZE], const char *name_or_file, struct errbuf *e);
/* The names of all labs that have a directory, sorted; the caller frees the array, in which the names are too. */
int lab_list(char (**out)[LAB_NAME_SIZE], size_t *n, struct errbuf *e);

/* The name of a port in the switch, and of its device in the switch's namespace: the document's, or "p4" for number 4. */
const char *lab_port_name(const struct net_port_ref *port, char out[NET_PORT_NAME]);

#endif
