/* SPDX-License-Identifier: Apache-2.0 */
/* lab_guest.h - what a VM of the lab and the lab agree upon. */
#ifndef TOOLS_LAB_GUEST_H
#define TOOLS_LAB_GUEST_H

/* Each virtio-serial port has an agent, so that several commands can be in the guest at a time. */
enum { LAB_GUEST_PORTS = 4 };
#define LAB_GUEST_PORT "trama.%d" /* its name in the guest */
#define LAB_GUEST_INTERFACE "eth0"

#endif
