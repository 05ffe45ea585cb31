/* SPDX-License-Identifier: Apache-2.0 */
/* drop.h - why a frame went no further: every drop has one of these reasons, and each reason a counter. */
#ifndef DATAPATH_DROP_H
#define DATAPATH_DROP_H

enum drop {
    DROP_NONE,
    DROP_SHORT,          /* no Ethernet header */
    DROP_TABLE_MISS,     /* no rule, and no table-miss rule either */
    DROP_NO_ACTION,      /* a rule matched and said nothing */
    DROP_NO_SUCH_PORT,   /* output to a port that is not there */
    DROP_TO_IN_PORT,     /* output to where it came from, without IN_PORT */
    DROP_PORT_DOWN,      /* OFPPC_PORT_DOWN on the outgoing port */
    DROP_NO_FWD,         /* OFPPC_NO_FWD on the outgoing port */
    DROP_NO_RECV,        /* OFPPC_NO_RECV or _PORT_DOWN on the incoming port */
    DROP_NO_PACKET_IN,   /* OFPPC_NO_PACKET_IN on the incoming port */
    DROP_TTL,            /* a TTL that may not be decremented */
    DROP_NO_ROOM,        /* no mbuf, or no headroom for a header */
    DROP_EVENT_FULL,     /* packet-in or capture: the control thread is behind */
    DROP_RING_FULL,      /* another worker's transmit ring is full */
    DROP_TOO_DEEP,       /* more passes through the pipeline than one frame may make */
    DROP_RESUBMIT_DEPTH, /* more resubmits and clones in each other than one frame may make */
    DROP_RESUBMIT_WORK,  /* more resubmits in all, or copies for ct to send to a table, than one frame may make */
    DROP_TOO_LONG,       /* the actions of this frame do not fit a program */
    DROP_NO_GROUP,       /* a group that is not there */
    DROP_NO_BUCKET,      /* a group without a bucket that is live (and, in a select group, has weight) */
    DROP_METER,          /* a drop band of a meter; for a packet-in, of the controller meter */
    DROP_GROUP_DEPTH,    /* more groups in each other than one frame may meet */
    DROP_VLAN,           /* NORMAL: this VLAN is not admitted on the port */
    DROP_RESERVED_MAC,   /* NORMAL: IEEE 802.1D reserved group address */
    DROP_HAIRPIN,        /* NORMAL: the destination lives where the frame came from */
    DROP_NO_BRIDGE,      /* the port left its bridge while the frame was under way */
    DROP_QUEUE_FULL,     /* the port's queue holds as much as it may */
    DROP_QUEUE_GONE,     /* waited in a queue that was taken away or exchanged */
    DROP_TOO_BIG,        /* larger than the outgoing device's MTU, and not to be cut */
    DROP_FRAGMENT,       /* a bridge that is to take no IP fragments */
    /* bridges that put IP fragments together; counted are fragments */
    DROP_FRAGMENT_BAD,     /* its lengths, or the ECN bits of all, do not make a datagram */
    DROP_FRAGMENT_TWICE,   /* the same as one before */
    DROP_FRAGMENT_OVERLAP, /* two of its datagram do not go together */
    DROP_FRAGMENT_TIMEOUT, /* the others of its datagram did not come */
    DROP_FRAGMENT_NO_ROOM, /* newer datagrams needed the room, or its own is in too many pieces */
    DROP_CONN_FULL,        /* ct(commit): no room for one more connection, in all or in its zone */
    DROP_CONN_HOST,        /* ct(commit): the host has as many connections as its zone lets it have */
    DROP_CONN_CLASH, /* ct(commit): its answers would be those of another connection; ct: its own is gone, but translated it */
    DROP_CONN_BOUNCE, /* an FTP line that names another host than its sender: counted, and not believed */
    DROP_NAT_PORTS,   /* ct(commit,nat): all ports of the range are taken */
    DROP_NAT_FRAME,   /* ct(nat): what must be rewritten is not where it can be, or NAT64 has no word for it */
    DROP_NPTV6,       /* nptv6: the address has no other one (RFC 6296, 3.4 and 3.5) */
    DROP_UNHEARD,     /* controller(pause): no controller is there that could have it go on */
    DROP_N
};

const char *drop_name(enum drop d);

#endif
