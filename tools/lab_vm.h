/* SPDX-License-Identifier: Apache-2.0 */
/* lab_vm.h - hosts of kind vm: a guest whose interface is a tap that the switch attaches as `netdev`.
 * Flow: lab_up -> tap in the switch's namespace -> switch daemon -> [lab_vm_start].   Thread: any, one at a time. */
#ifndef TOOLS_LAB_VM_H
#define TOOLS_LAB_VM_H

#include "tools/lab.h"

/* Starts the guest of host `host` (an index), in the namespace of its switch, on the tap lab->hosts[host].ifname, which is
 * there already and persistent (IFF_VNET_HDR), and returns when the guest has its addresses.  The process outlives the
 * caller, bears the mark of lab_process_begin, and has its files below lab->dir/HOST.vm/.
 * -EOPNOTSUPP: qemu or the guest's kernel is missing here. */
int lab_vm_start(const struct lab *lab, int host, struct errbuf *e);
/* Ends it; 0 when it does not run.  (`trama lab down` does without: it ends every process of the lab.) */
int lab_vm_stop(const struct lab *lab, int host, struct errbuf *e);

#endif
