/* SPDX-License-Identifier: Apache-2.0 */
/* conn_helper.h - what connection tracking does for protocols that announce other connections: FTP and TFTP.
 * Flow: conn_track (frames of connections committed with alg=) -> [conn_helper_frame] -> conn_expect.
 * Spec: RFC 959 (PORT, 227), RFC 2428 (EPRT, 229), RFC 1350 (TFTP); RFC 3022, 4.4 (translated FTP, and the sequence numbers that
 * follow); RFC 2577 (an address that is not the sender's own is not believed).
 *
 * Read is the first line of a segment's data that announces something, if the line is complete and within the first 512 bytes.
 * Thread: W; the parser: any. */
#ifndef DATAPATH_CONN_HELPER_H
#define DATAPATH_CONN_HELPER_H

#include "datapath/conn_track.h"

enum { HELPER_DATA = 512 };

enum ftp_form { FTP_PORT, FTP_EPRT, FTP_PASV, FTP_EPSV };
/* Where the data of FTP shall go, as a line says. */
struct ftp_announced {
    enum ftp_form form;
    unsigned at, n; /* of the data: the bytes that say it */
    uint8_t family; /* 4 or 6; 0: only a port is told */
    struct value addr;
    uint16_t port;
};
/* `is_reply`: of the server.  False: the data announces nothing. */
bool ftp_parse(const char *data, size_t n, bool is_reply, struct ftp_announced *out);

/* A segment of a connection, which is locked, before it is looked at: `segment->ack` becomes what it is to the other side. */
struct conn_moves conn_helper_segment(const struct conn *c, enum conn_dir dir, struct tcp_segment *segment);

/* A frame of a connection with a helper, translated already if it is to be (`is_translating`): announcements in it are expected,
 * and put into the words of the other side; then its numbers are moved.  0; -ENOMEM, -ENOSPC: there is no room in the frame. */
int conn_helper_frame(struct worker *w, struct conn_table *t, struct pkt *p, const struct conn_packet *cp,
                      const struct ct_seen *s, bool is_translating);

#endif
