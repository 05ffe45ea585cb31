/* SPDX-License-Identifier: Apache-2.0 */
/* switch_conf.h - what the switch shall be: bridges, their ports and controllers, as the switch file says it.
 * Flow: switch file -> [switch_conf] -> vswitch_apply(), which makes the running switch so.  Whoever else configures the
 * switch fills in the same structs.
 *
 * A file is good as a whole or refused with "FILE:LINE: sentence": unknown keys, values out of range, things named twice,
 * settings that do not go together.   Thread: C. */
#ifndef VSWITCH_SWITCH_CONF_H
#define VSWITCH_SWITCH_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/errbuf.h"
#include "datapath/conn.h"
#include "datapath/datapath.h"
#include "datapath/eal.h"
#include "datapath/port.h"
#include "datapath/shaper.h"
#include "io/addr.h"
#include "io/doc.h"
#include "io/tls.h"

enum { SWITCH_CONTROLLERS_MAX = 16, SWITCH_AUXILIARY_MAX = 15, SWITCH_NAME_SIZE = 64 };

enum fail_mode { FAIL_SECURE, FAIL_STANDALONE };

struct sw_port_conf {
    struct port_conf port; /* its strings borrow from the switch_conf */
    uint32_t ofport;       /* 0: the switch chooses */
    struct vlan_conf vlan;
    struct shaper_conf queues;
    unsigned flags;              /* enum port_flag */
    const struct doc_node *node; /* for messages; NULL when it came from elsewhere */
};

/* What the file sets for a zone of connections. */
struct sw_zone_conf {
    uint16_t zone;
    struct conn_zone_conf set;
    const struct doc_node *node;
};

/* A controller, or where controllers come in. */
struct controller_conf {
    struct endpoint target;
    uint8_t n_auxiliary; /* connections beside the main one, OpenFlow 1.3.5, 6.3.7 */
};

struct sw_bridge_conf {
    const char *name;
    uint64_t datapath_id; /* never 0 */
    enum fail_mode fail_mode;
    uint32_t max_flows; /* per table */
    uint32_t mac_aging_s;
    struct controller_conf controllers[SWITCH_CONTROLLERS_MAX];
    unsigned n_controllers;
    struct sw_port_conf *ports;
    size_t n_ports;
    const struct doc_node *node;
};

struct switch_conf {
    struct doc doc; /* owns every string and array here, in its arena */
    const char *run_dir;
    int cpus[DP_WORKERS_MAX]; /* of the workers; -1: anywhere */
    unsigned n_workers;
    bool has_workers;   /* the file named them */
    uint32_t conns_max; /* connections tracked; 0: default */
    struct sw_zone_conf *zones;
    size_t n_zones;
    struct eal_conf eal;  /* run_dir not set */
    struct tls_files tls; /* for ssl: controllers; all NULL: none given */
    struct sw_bridge_conf *bridges;
    size_t n_bridges;
};

/* What the command line says beside the file; borrowed as long as the switch_conf lives. */
struct switch_conf_opts {
    const char *run_dir; /* instead of the file's; NULL: the file's */
    bool has_test_ports; /* type `test` is possible */
};

/* Reads a switch file.  0: end with switch_conf_fini; -EINVAL and the like: `c` is empty. */
int switch_conf_open(struct switch_conf *c, const char *path, const struct switch_conf_opts *opts, struct errbuf *e);
int switch_conf_parse(struct switch_conf *c, const char *name, const char *text, size_t len,
                      const struct switch_conf_opts *opts, struct errbuf *e);
void switch_conf_fini(struct switch_conf *c);

/* The word of the file for a kind of port: "tap", "test". */
const char *switch_conf_port_type(enum port_type type);

/* One port on its own, "{type: tap, netns: h1}", as in the switch file.  `d` owns what `out` borrows, end with doc_fini. */
int switch_conf_parse_port(struct sw_port_conf *out, struct doc *d, const char *name, const char *text,
                           const struct switch_conf_opts *opts, struct errbuf *e);

/* The queues of a port on their own, "{rate: 1Gbit, queues: {1: {min: 10Mbit}}}", as in the switch file. */
int switch_conf_parse_queues(struct shaper_conf *out, const char *name, const char *text, struct errbuf *e);

/* What differs between two descriptions of one port. */
enum sw_port_diff {
    SW_PORT_SAME = 0,
    SW_PORT_NEEDS_OPEN = 1 << 0, /* another device, or another setting of it */
    SW_PORT_NEEDS_MOVE = 1 << 1, /* another OpenFlow number */
    SW_PORT_VLAN_DIFFERS = 1 << 2,
    SW_PORT_FLAGS_DIFFER = 1 << 3,
    SW_PORT_QUEUES_DIFFER = 1 << 4,
};
unsigned sw_port_conf_diff(const struct sw_port_conf *a, const struct sw_port_conf *b);

/* The datapath id of a bridge whose file names none: the same after every start, another one on every host, for every
 * run_dir and bridge. */
uint64_t switch_conf_default_dpid(const char *host_id, const char *run_dir, const char *bridge);

#endif
