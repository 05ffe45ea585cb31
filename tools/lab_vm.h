/* SPDX-License-Identifier: Apache-2.0 */
/* lab_vm.h - hosts of kind vm: a guest whose interface is a tap that the switch attaches as `netdev`.
 * It is qemu without hardware help, the kernel that script/setup unpacks, and a first file system that is made here, of
 * busybox and tools/guest.c.
 * Flow: lab_up -> tap in the switch's namespace -> switch daemon -> [lab_vm_start].   Thread: any, one at a time. */
#ifndef TOOLS_LAB_VM_H
#define TOOLS_LAB_VM_H

#include "tools/lab.h"

struct agent_link;

/* Is everything here that a guest needs?  -EOPNOTSUPP with a sentence that names what is not. */
int lab_vm_check(struct errbuf *e);

/* Starts the guest of host `host` (an index), in the namespace of its switch, on the tap lab->hosts[host].ifname, which is
 * there already and persistent (IFF_VNET_HDR), and returns when the guest has its addresses.  The process outlives the
 * caller and has its files below lab->dir/HOST.vm/; `trama lab down` finds it by the mark of lab_process_begin.
 * -EOPNOTSUPP: see lab_vm_check. */
int lab_vm_start(const struct lab *lab, int host, struct errbuf *e);

/* A way to an agent in the guest; see agent_link.h.  Several can be had at a time, LAB_GUEST_PORTS in all.
 * -EBUSY: all are taken. */
int lab_vm_link(struct agent_link **out, const struct lab *lab, int host, struct errbuf *e);
/* Runs a command in the guest with our standard input, output and error.  Returns its exit code (128 + signal, 126, 127 as
 * a shell has it), or a negative errno with `e` set. */
int lab_vm_exec(const struct lab *lab, int host, char *const argv[], struct errbuf *e);

#endif
