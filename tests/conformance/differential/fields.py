# SPDX-License-Identifier: Apache-2.0
"""The fields that both switches have, by the names of ovs-fields(7): how wide, whether they can be set and masked, when they
are there, and a few values of each that random frames have too."""
import collections

from differential import frames

# What is known of a frame: eth: ip, ipv6, arp, rarp, mpls or None; proto: of PROTOS or None; tags: how many, as far as ovs-ofctl
# can see, or None; is_exact: there are no more.
# is_bottom: the outer label is the last one; None when that is not known; inner: what it was pushed on;
# is_other: labels of another ethertype than those that are pushed, which are not taken off: README.md.
Known = collections.namedtuple("Known", "eth proto tags is_exact is_bottom inner is_other", defaults=[False])
NOTHING = Known(None, None, None, False, None, None)
PROTOS = {"ip": ["tcp", "udp", "sctp", "icmp"], "ipv6": ["tcp6", "udp6", "sctp6", "icmp6", "ns", "na"]}
# How a match says so.
ETH_WORDS = {"ip": ["ip"], "ipv6": ["ipv6"], "arp": ["arp"], "rarp": ["rarp"], "mpls": ["mpls"]}
PROTO_WORDS = {"ns": ["icmp6", "icmpv6_type=135", "icmpv6_code=0"], "na": ["icmp6", "icmpv6_type=136", "icmpv6_code=0"]}

Field = collections.namedtuple("Field", "name bits values is_set is_masked")


def field(name, bits, values, is_set=True, is_masked=True):
    return Field(name, bits, values, is_set, is_masked)


REGISTERS = [field(f"reg{i}", 32, [0, 1, 2, 3]) for i in (0, 1, 2, 3, 4, 9, 15)] + \
    [field(f"xreg{i}", 64, [0, 1, 1 << 32]) for i in (1, 4)] + [field("xxreg0", 128, [0, 1, 2 << 96])]
META = [field("metadata", 64, [0, 1, 2, 3]), field("tun_id", 64, [0, 1, 2]), field("pkt_mark", 32, [0, 1, 2])]
ETHERNET = [field("eth_src", 48, frames.MACS), field("eth_dst", 48, frames.MACS)]
VLAN = [field("vlan_pcp", 3, range(8), is_masked=False), field("vlan_vid", 12, [0x1000 | v for v in frames.VIDS])]
MPLS = [field("mpls_label", 20, frames.LABELS, is_masked=False), field("mpls_tc", 3, range(8), is_masked=False),
        field("mpls_ttl", 8, frames.TTLS, is_masked=False), field("mpls_bos", 1, [0, 1], is_set=False, is_masked=False)]
IP = [field("ip_dscp", 6, frames.DSCP, is_masked=False), field("nw_ecn", 2, range(4), is_masked=False),
      field("nw_ttl", 8, frames.TTLS, is_masked=False), field("nw_proto", 8, [6, 17], is_set=False, is_masked=False)]
IPV4 = [field("nw_src", 32, frames.V4), field("nw_dst", 32, frames.V4)]
IPV6 = [field("ipv6_src", 128, frames.V6), field("ipv6_dst", 128, frames.V6), field("ipv6_label", 20, [0, 0x12345])]
ARP = [field("arp_op", 16, [1, 2], is_masked=False), field("arp_spa", 32, frames.V4), field("arp_tpa", 32, frames.V4),
       field("arp_sha", 48, frames.MACS), field("arp_tha", 48, frames.MACS)]
ICMP = [field("icmp_type", 8, [0, 3, 8], is_masked=False), field("icmp_code", 8, [0, 1], is_masked=False)]
ICMP6 = [field("icmpv6_type", 8, [1, 128, 129], is_masked=False), field("icmpv6_code", 8, [0, 1], is_masked=False)]
ND = [field("nd_target", 128, frames.V6)]


ALWAYS = ETHERNET + META + REGISTERS  # whatever the frame is


def ports_of(name):
    return [field(f"{name}_src", 16, frames.L4), field(f"{name}_dst", 16, frames.L4)]


TRANSPORT = {"tcp": ports_of("tcp") + [field("tcp_flags", 12, frames.TCP_FLAGS, is_set=False)], "udp": ports_of("udp"),
             "sctp": ports_of("sctp"), "icmp": ICMP, "icmp6": ICMP6, "ns": ND + [field("nd_sll", 48, frames.MACS)],
             "na": ND + [field("nd_tll", 48, frames.MACS)]}
TRANSPORT.update({name + "6": TRANSPORT[name] for name in ("tcp", "udp", "sctp")})


def there(known, features):
    """The fields of such a frame."""
    out = ETHERNET + META[:1]
    if "reg" in features:
        out = out + REGISTERS + META[1:]
    if known.tags:
        out = out + VLAN
    out = out + {"ip": IP + IPV4, "ipv6": IP + IPV6, "arp": ARP, "rarp": ARP, "mpls": MPLS, None: []}[known.eth]
    return out + TRANSPORT.get(known.proto, [])
