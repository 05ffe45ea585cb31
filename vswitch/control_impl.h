/* SPDX-License-Identifier: Apache-2.0 */
/* control_impl.h - what the files of the control socket share.  Private to vswitch/control*.c. */
#ifndef VSWITCH_CONTROL_IMPL_H
#define VSWITCH_CONTROL_IMPL_H

#include "io/rpc.h"
#include "vswitch/control.h"
#include "vswitch/vswitch_impl.h"

struct control {
    struct control_conf conf;
    struct rpc_server *server;
    char path[ENDPOINT_PATH_SIZE], link[ENDPOINT_PATH_SIZE];
};

enum { TEST_GIVE_MAX = 1000 }; /* frames of one testport/give */
rpc_method_fn show_switch, show_ports, show_port_stats, show_stats, show_gaps, show_times,
    show_macs;                                                                       /* control_show.c */
rpc_method_fn show_queues, run_queue_set, run_queue_clear;                           /* control_queue.c */
rpc_method_fn show_rxqs, run_rxq_move, run_rxq_free;                                 /* control_rxq.c */
rpc_method_fn conn_list, conn_counts, conn_flush, conn_zone, nat_mappings;           /* control_conn.c */
rpc_method_fn test_warp, test_tick_stop, test_connection_tick, test_give, test_take; /* control_test.c */

#endif
