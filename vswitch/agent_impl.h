/* SPDX-License-Identifier: Apache-2.0 */
/* agent_impl.h - what the files of the agent share.  Private to vswitch/agent*.c. */
#ifndef VSWITCH_AGENT_IMPL_H
#define VSWITCH_AGENT_IMPL_H

#include <errno.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/list.h"
#include "io/seal.h"
#include "openflow/multipart.h"
#include "openflow/ofp.h"
#include "openflow/semantics.h"
#include "vswitch/agent.h"
#include "vswitch/flow_table.h"
#include "vswitch/id_table.h"

struct table_setting {
    char name[32];
    uint32_t config, max_entries;
    bool is_absent; /* a controller has taken it out of the pipeline */
};

struct agent {
    struct agent_conf conf;
    char name[64];
    struct flow_table *flows;
    struct group_table *groups;
    struct meter_table *meters;
    struct learn_table *learns;
    struct packet_buffers *buffers;
    struct seal seal;  /* on what is given out to come back: paused frames */
    struct hmap ports; /* struct agent_port, by number */
    unsigned n_ports;
    struct list sessions;
    struct arena arena;              /* of the message being handled */
    struct wr out;                   /* of the message being written */
    enum ofp_config_flags fragments; /* what becomes of them */
    struct table_setting tables[DP_TABLES];
    bool is_silent; /* no flow-removed for what goes now */
    bool has_generation;
    uint64_t generation_id;      /* the highest seen, 6.3.6 */
    const struct session *asker; /* whose message is being handled; NULL: none is */
    unsigned n_monitors;         /* of all sessions */
    struct agent_stats stats;
};

/* A reply about flows, groups or meters that goes on over many turns of the loop. */
struct dump {
    bool is_active, is_aggregate;
    enum ofp_multipart_type type;
    uint8_t version;
    uint32_t xid;
    struct flow_cursor cursor;
    uint32_t *ids; /* instead of flows: what is still to be told of, if it is there, from `i_id` on */
    size_t n_ids, i_id;
    struct ofp_mp mp;
    struct wr out;
    struct ofp_aggregate_stats sum;
    struct arena arena;
};

struct session {
    struct list link;
    struct agent *agent;
    enum session_kind kind;
    const struct session_ops *ops;
    void *arg;
    struct session *main; /* of the same controller: itself, or it is an auxiliary one */
    uint8_t auxiliary_id;
    /* of the main session, for all */
    enum ofp_controller_role role;
    struct ofp_async_config async;
    uint16_t miss_send_len;
    enum ofp_nx_packet_in_format packet_in_format;
    uint16_t controller_id; /* packet-ins for another are not for this session */
    /* of each */
    bool is_held;                 /* no message until there is room */
    struct list bundles;          /* agent_bundle.c */
    struct table_request *tables; /* agent_table.c; NULL: no part has come */
    struct watch *watch;          /* agent_monitor.c; NULL: it has never asked for a monitor */
    struct dump dump;
};

/* Handles one decoded message.  0; -EBADMSG with `err`; -ENOMEM and the like: answered with a general error. */
typedef int handler_fn(struct session *s, const struct ofp_msg *m, struct ofp_err *err);

handler_fn handle_flow_mod;                                             /* agent_flow.c */
handler_fn handle_group_mod, multipart_group_features;                  /* agent_group.c */
handler_fn handle_meter_mod, multipart_meter, multipart_meter_features; /* agent_meter.c */
handler_fn handle_port_mod;                                             /* agent_port.c */
handler_fn handle_queue_config, multipart_queue;                        /* agent_queue.c */
handler_fn handle_table_mod, multipart_table_features;                  /* agent_table.c */
handler_fn handle_packet_out;                                           /* agent_packet.c */
handler_fn handle_multipart;                                            /* agent_multipart.c */
handler_fn handle_bundle_control, handle_bundle_add;                    /* agent_bundle.c */
handler_fn multipart_monitor, handle_monitor_cancel;                    /* agent_monitor.c */

enum { FRAME_MIN = 14 }; /* an Ethernet header */

static inline bool agent_has_table(const struct agent *a, uint8_t table_id)
{
    return table_id < DP_TABLES && !a->tables[table_id].is_absent;
}

static inline int refuse(struct ofp_err *err, uint16_t type, uint16_t code)
{
    *err = (struct ofp_err){ .type = type, .code = code };
    return -EBADMSG;
}

/* Makes visible what was prepared of flows, groups and meters when `res` is 0, else takes it back.  Returns `res`. */
int agent_finish(struct agent *a, int res);

/* A message of `s`'s version; `m` has type and body. */
void session_send(struct session *s, struct ofp_msg *m, uint32_t xid);
void session_send_bytes(struct session *s, const void *p, size_t n);
/* Answers the message of `n` bytes at `p` with an error. */
void session_send_error(struct session *s, const struct ofp_err *err, const uint8_t *p, size_t n, uint32_t xid);
/* Asynchronous messages, to the sessions whose role and settings ask for this reason. */
enum async_kind { ASYNC_PACKET_IN, ASYNC_PORT_STATUS, ASYNC_FLOW_REMOVED };
void agent_broadcast(struct agent *a, enum async_kind kind, unsigned reason, struct ofp_msg *m);
bool session_wants(const struct session *s, enum async_kind kind, unsigned reason);
/* Sends `p` as it is; one that is not taken is counted. */
void session_send_async(struct session *s, const void *p, size_t n);
bool agent_has_listener(const struct agent *a, enum async_kind kind, unsigned reason);

/* agent_multipart.c: replies that are lists: begin, add, finish. */
void mp_list_begin(struct session *s, struct ofp_mp *mp, const struct ofp_msg *m);
int mp_list_finish(struct session *s, struct ofp_mp *mp);

/* agent_action.c */
int translate_actions_to_acts(struct arena *a, const struct ofp_action *in, size_t n, struct act **out,
                              uint16_t *n_out);
size_t act_count(const struct ofp_action *in, size_t n); /* acts that they become */
int translate_acts(const struct ofp_action *in, size_t n, struct act *out);
/* agent_action_nx.c */
bool has_nx(void *arg, unsigned subtype); /* struct ofp_check */
size_t nx_act_count(const struct ofp_nx_action *in);
int translate_nx(const struct ofp_nx_action *in, struct act *out, size_t *n); /* -EOPNOTSUPP */
int translate_instructions(struct arena *a, const struct ofp_instruction *in, size_t n, struct rule_code *out);
void check_init(struct ofp_check *c, struct agent *a, uint8_t table_id);

/* agent_table.c */
void table_settings_init(struct agent *a);
void table_request_free(struct session *s);
/* agent_bundle.c */
void bundles_free(struct session *s);
/* agent_flow.c */
int flow_mod_prepare(struct session *s, const struct ofp_msg *m, struct ofp_err *err); /* agent_finish() follows */
void flow_mod_apply(struct session *s, const struct ofp_msg *m); /* and then this, when it was committed */
/* agent_group.c */
int group_mod_prepare(struct session *s, const struct ofp_msg *m, struct ofp_err *err);
int group_say_stats(struct ofp_mp *mp, struct agent *a, const struct id_item *item); /* -ENOMEM */
int group_say_desc(struct ofp_mp *mp, struct arena *arena, const struct id_item *item);
/* Commits, or an error.  `is_full`: only in place of a flow that is there, else -ENOSPC. */
int agent_put_learned(struct agent *a, const struct ofp_flow_mod *m, const struct match *match, bool is_full);
void agent_flow_removed(void *arg, const struct flow *f, enum flow_gone why);
/* agent_meter.c */
int meter_mod_prepare(struct session *s, const struct ofp_msg *m, struct ofp_err *err); /* agent_finish() follows */
int meter_say_stats(struct ofp_mp *mp, struct agent *a, const struct id_item *item);
int meter_say_config(struct ofp_mp *mp, struct arena *arena, const struct id_item *item);
/* agent_port.c */
int port_mod_check(struct session *s, const struct ofp_msg *m, struct ofp_err *err);
void port_mod_apply(struct session *s, const struct ofp_msg *m); /* of one that was checked */
void port_describe(const struct agent_port *p, struct ofp_port *out);
void duration_split(uint64_t ns, uint32_t *sec, uint32_t *nsec);
/* agent_packet.c */
void agent_packet_in(struct agent *a, const struct event *ev);
int in_port_check(const struct agent *a, uint32_t port, struct ofp_err *err);
int buffer_check(struct agent *a, uint32_t buffer_id, struct ofp_err *err); /* 0 also for OFP_NO_BUFFER */
/* Sends the frame that waits under that id through the tables, if it still does. */
void buffer_release(struct agent *a, uint32_t buffer_id);
/* agent_learn.c */
void agent_learn(struct agent *a, const struct event *ev); /* EVENT_LEARN */
void agent_fin(struct agent *a, const struct event *ev);   /* EVENT_FIN */
/* agent_resume.c */
/* What a packet-in says of a frame that waits, `*n` bytes in the arena; NULL: no memory. */
const uint8_t *continuation_make(struct agent *a, const struct event *ev, size_t *n);
int handle_resume(struct session *s, const struct ofp_nx_packet_in2 *m, struct ofp_err *err);
/* agent_conn.c */
int handle_ct_flush_zone(struct session *s, const struct ofp_nx_ct_flush_zone *m, struct ofp_err *err);
int handle_ct_flush(struct session *s, const struct ofp_nx_ct_flush *m, struct ofp_err *err);
/* agent_dump.c */
int dump_begin(struct session *s, const struct ofp_msg *m, const struct ofp_flow_stats_request *q, bool is_aggregate,
               struct ofp_err *err);
/* Of one number, or of every one in the table (NULL `one`). */
int dump_begin_ids(struct session *s, const struct ofp_msg *m, const struct id_table *t, const uint32_t *one);
bool dump_run(struct session *s); /* more to do at once, without waiting for room */
void dump_end(struct session *s);
/* agent_monitor.c */
void agent_flow_changed(void *arg, const struct flow_change *c);
void monitors_flush(struct agent *a);              /* after a commit: tells what changed */
bool monitor_run(struct session *s);               /* what waited; more to do at once, without waiting for room */
bool monitor_is_starting(const struct session *s); /* its request is being answered */
void monitors_free(struct session *s);
/* agent_features.c */
uint32_t table_action_types(void); /* as a set of bits, 1 << enum ofp_action_type */
/* TABLES_ALL: as if no table had been taken away. */
enum tables { TABLES_THERE, TABLES_ALL };
void table_features(struct agent *a, uint8_t table_id, enum tables tables, struct arena *arena,
                    struct ofp_table_features *out);

#endif
