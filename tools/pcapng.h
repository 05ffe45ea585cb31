/* SPDX-License-Identifier: Apache-2.0 */
/* pcapng.h - reads the stream of a capture, as trama-switchd writes it: blocks in this machine's byte order, one Ethernet
 * interface, times in nanoseconds.   Spec: draft-ietf-opsawg-pcapng.   Pure; thread: any. */
#ifndef TOOLS_PCAPNG_H
#define TOOLS_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

enum pcapng_type { PCAPNG_SECTION = 0x0a0d0d0a, PCAPNG_INTERFACE = 1, PCAPNG_FRAME = 6 };
enum { PCAPNG_BLOCK_MAX = 1 << 20 };

/* The numbers of epb_flags. */
enum frame_direction { FRAME_NOWHERE, FRAME_RX, FRAME_TX };

struct pcapng_frame {
    uint64_t time_ns; /* since 1970 */
    enum frame_direction direction;
    uint32_t len;     /* on the wire */
    uint32_t n;       /* captured: bytes at `p` */
    uint64_t n_lost;  /* before this one, because nobody read them in time */
    const uint8_t *p; /* borrows from the block */
};

/* The length of the first block when all of it is there; 0: more bytes are needed; -EBADMSG: this is no pcapng of ours. */
long pcapng_block(const uint8_t *p, size_t n, uint32_t *type);
/* The frame in a whole block of PCAPNG_FRAME.  0 or -EBADMSG. */
int pcapng_frame(struct pcapng_frame *out, const uint8_t *block, size_t n);

#endif
