# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5 on the wire, as much of it as the conformance tests say and hear.  Written from the specification and
independent of the codec that it tests: builders return bytes, readers return dictionaries.  All numbers are host order."""
import struct

VERSION = 4
NO_BUFFER = ANY = 0xffffffff
PORT_MAX, IN_PORT, TABLE, NORMAL, FLOOD, ALL, CONTROLLER, LOCAL = [0xffffff00] + list(range(0xfffffff8, 0xffffffff))
ALL_TABLES = 0xff

(HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, EXPERIMENTER, FEATURES_REQUEST, FEATURES_REPLY, GET_CONFIG_REQUEST,
 GET_CONFIG_REPLY, SET_CONFIG, PACKET_IN, FLOW_REMOVED, PORT_STATUS, PACKET_OUT, FLOW_MOD, GROUP_MOD, PORT_MOD, TABLE_MOD,
 MULTIPART_REQUEST, MULTIPART_REPLY, BARRIER_REQUEST, BARRIER_REPLY, QUEUE_GET_CONFIG_REQUEST, QUEUE_GET_CONFIG_REPLY,
 ROLE_REQUEST, ROLE_REPLY, GET_ASYNC_REQUEST, GET_ASYNC_REPLY, SET_ASYNC, METER_MOD) = range(30)

(HELLO_FAILED, BAD_REQUEST, BAD_ACTION, BAD_INSTRUCTION, BAD_MATCH, FLOW_MOD_FAILED, GROUP_MOD_FAILED, PORT_MOD_FAILED,
 TABLE_MOD_FAILED, QUEUE_OP_FAILED, SWITCH_CONFIG_FAILED, ROLE_REQUEST_FAILED, METER_MOD_FAILED,
 TABLE_FEATURES_FAILED) = range(14)

(MP_DESC, MP_FLOW, MP_AGGREGATE, MP_TABLE, MP_PORT_STATS, MP_QUEUE, MP_GROUP, MP_GROUP_DESC, MP_GROUP_FEATURES, MP_METER,
 MP_METER_CONFIG, MP_METER_FEATURES, MP_TABLE_FEATURES, MP_PORT_DESC) = range(14)
MP_EXPERIMENTER = 0xffff

ADD, MODIFY, MODIFY_STRICT, DELETE, DELETE_STRICT = range(5)
SEND_FLOW_REM, CHECK_OVERLAP, RESET_COUNTS, NO_PKT_COUNTS, NO_BYT_COUNTS = 1, 2, 4, 8, 16


def message(kind, body=b"", xid=0, version=VERSION, length=None):
    return struct.pack("!BBHI", version, kind, 8 + len(body) if length is None else length, xid) + body


# --- match (7.2.3): field name -> number and bytes, class 0x8000 ---

FIELDS = {name: (number, size) for number, (name, size) in enumerate([
    ("in_port", 4), ("in_phy_port", 4), ("metadata", 8), ("eth_dst", 6), ("eth_src", 6), ("eth_type", 2), ("vlan_vid", 2),
    ("vlan_pcp", 1), ("ip_dscp", 1), ("ip_ecn", 1), ("ip_proto", 1), ("ipv4_src", 4), ("ipv4_dst", 4), ("tcp_src", 2),
    ("tcp_dst", 2), ("udp_src", 2), ("udp_dst", 2), ("sctp_src", 2), ("sctp_dst", 2), ("icmpv4_type", 1),
    ("icmpv4_code", 1), ("arp_op", 2), ("arp_spa", 4), ("arp_tpa", 4), ("arp_sha", 6), ("arp_tha", 6), ("ipv6_src", 16),
    ("ipv6_dst", 16), ("ipv6_flabel", 4), ("icmpv6_type", 1), ("icmpv6_code", 1), ("ipv6_nd_target", 16),
    ("ipv6_nd_sll", 6), ("ipv6_nd_tll", 6), ("mpls_label", 4), ("mpls_tc", 1), ("mpls_bos", 1), ("pbb_isid", 3),
    ("tunnel_id", 8), ("ipv6_exthdr", 2)])}
NAMES = {number: name for name, (number, _) in FIELDS.items()}


def oxm(name, value, mask=None):
    """One match field; `value` and `mask` are numbers."""
    number, size = FIELDS[name]
    payload = value.to_bytes(size, "big") + (b"" if mask is None else mask.to_bytes(size, "big"))
    return struct.pack("!HBB", 0x8000, number << 1 | (mask is not None), len(payload)) + payload


def raw_match(payload, kind=1, length=None):
    out = struct.pack("!HH", kind, 4 + len(payload) if length is None else length) + payload
    return out + bytes(-len(out) % 8)


def match(*fields, **exact):
    """match(oxm(...), in_port=3): the fields in that order."""
    return raw_match(b"".join(fields) + b"".join(oxm(name, value) for name, value in exact.items()))


def read_match(data):
    """-> ({name: value or (value, mask)}, bytes taken)"""
    kind, length = struct.unpack_from("!HH", data)
    assert kind == 1, data
    at, out = 4, {}
    while at < length:
        _, number, size = struct.unpack_from("!HBB", data, at)
        payload = data[at + 4:at + 4 + size]
        half = size // 2
        out[NAMES[number >> 1]] = ((int.from_bytes(payload[:half], "big"), int.from_bytes(payload[half:], "big"))
                                   if number & 1 else int.from_bytes(payload, "big"))
        at += 4 + size
    return out, (length + 7) // 8 * 8


# --- actions and instructions (7.2.4, 7.2.5) ---

def action(kind, body=b"", length=None):
    return struct.pack("!HH", kind, 4 + len(body) if length is None else length) + body


def output(port, max_len=0xffff):
    return action(0, struct.pack("!IH6x", port, max_len))


def group(number):
    return action(22, struct.pack("!I", number))


def set_queue(number):
    return action(21, struct.pack("!I", number))


def set_nw_ttl(ttl):
    return action(23, struct.pack("!B3x", ttl))


def push_vlan(ethertype=0x8100):
    return action(17, struct.pack("!H2x", ethertype))


def push_mpls(ethertype=0x8847):
    return action(19, struct.pack("!H2x", ethertype))


def pop_mpls(ethertype):
    return action(20, struct.pack("!H2x", ethertype))


def push_pbb(ethertype=0x88e7):
    return action(26, struct.pack("!H2x", ethertype))


def pop_vlan():
    return action(18, bytes(4))


def pop_pbb():
    return action(27, bytes(4))


def dec_nw_ttl():
    return action(24, bytes(4))


def dec_mpls_ttl():
    return action(16, bytes(4))


def set_raw(field):
    """set-field of one OXM as it is."""
    return action(25, field + bytes(-(4 + len(field)) % 8))


def set_field(name, value):
    return set_raw(oxm(name, value))


def instruction(kind, body=b"", length=None):
    return struct.pack("!HH", kind, 4 + len(body) if length is None else length) + body


def goto(table):
    return instruction(1, struct.pack("!B3x", table))


def write_metadata(value, mask=(1 << 64) - 1):
    return instruction(2, struct.pack("!4xQQ", value, mask))


def write(*actions):
    return instruction(3, bytes(4) + b"".join(actions))


def apply(*actions):
    return instruction(4, bytes(4) + b"".join(actions))


def clear():
    return instruction(5, bytes(4))


def meter(number):
    return instruction(6, struct.pack("!I", number))


# --- messages ---

def flow_mod(*instructions, command=ADD, match=match(), table=0, priority=0x8000, cookie=0, cookie_mask=0, idle=0, hard=0,
             buffer=NO_BUFFER, out_port=ANY, out_group=ANY, flags=0):
    return message(FLOW_MOD, struct.pack("!QQBBHHHIIIH2x", cookie, cookie_mask, table, command, idle, hard, priority, buffer,
                                         out_port, out_group, flags) + match + b"".join(instructions))


def packet_out(data, *actions, in_port=CONTROLLER, buffer=NO_BUFFER, length=None):
    acts = b"".join(actions)
    return message(PACKET_OUT, struct.pack("!IIH6x", buffer, in_port, len(acts) if length is None else length) + acts + data)


def port_mod(port, mac, config=0, mask=0, advertise=0):
    return message(PORT_MOD, struct.pack("!I4x6s2xIII4x", port, mac, config, mask, advertise))


def table_mod(table, config=0):
    return message(TABLE_MOD, struct.pack("!B3xI", table, config))


def set_config(flags=0, miss_send_len=0xffff):
    return message(SET_CONFIG, struct.pack("!HH", flags, miss_send_len))


def role_request(role, generation=0):
    return message(ROLE_REQUEST, struct.pack("!I4xQ", role, generation))


def set_async(packet_in=(3, 0), port_status=(7, 7), flow_removed=(15, 0)):
    return message(SET_ASYNC, struct.pack("!6I", *packet_in, *port_status, *flow_removed))


def multipart(kind, body=b"", flags=0):
    return message(MULTIPART_REQUEST, struct.pack("!HH4x", kind, flags) + body)


def feature_property(kind, value):
    out = struct.pack("!HH", kind, 4 + len(value)) + value
    return out + bytes(-len(out) % 8)


def flow_request(kind=MP_FLOW, table=ALL_TABLES, match=match(), cookie=0, cookie_mask=0, out_port=ANY, out_group=ANY):
    return multipart(kind, struct.pack("!B3xII4xQQ", table, out_port, out_group, cookie, cookie_mask) + match)


def bucket(*actions, weight=0, watch_port=ANY, watch_group=ANY):
    acts = b"".join(actions)
    return struct.pack("!HHII4x", 16 + len(acts), weight, watch_port, watch_group) + acts


def group_mod(command, kind, number, *buckets):
    return message(GROUP_MOD, struct.pack("!HBxI", command, kind, number) + b"".join(buckets))


def meter_mod(command, flags, number, *bands):
    return message(METER_MOD, struct.pack("!HHI", command, flags, number) + b"".join(bands))


def band(kind=1, rate=1000, burst=0, length=16):
    return struct.pack("!HHII4x", kind, length, rate, burst)


def hello(version=VERSION, bitmaps=None, xid=1):
    if bitmaps is None:
        return message(HELLO, xid=xid, version=version)
    element = struct.pack("!HH%dI" % len(bitmaps), 1, 4 + 4 * len(bitmaps), *bitmaps)
    return message(HELLO, element + bytes(-len(element) % 8), xid, version)


# --- reading what the switch says ---

def header(data):
    version, kind, length, xid = struct.unpack_from("!BBHI", data)
    return {"version": version, "type": kind, "length": length, "xid": xid}


def read_error(data):
    kind, code = struct.unpack_from("!HH", data, 8)
    return kind, code, data[12:]


def read_packet_in(data):
    buffer, total, reason, table, cookie = struct.unpack_from("!IHBBQ", data, 8)
    fields, size = read_match(data[24:])
    return {"buffer": buffer, "total_len": total, "reason": reason, "table": table, "cookie": cookie, "match": fields,
            "data": data[24 + size + 2:]}


def read_flow_removed(data):
    keys = "cookie priority reason table seconds nanoseconds idle hard packets bytes".split()
    out = dict(zip(keys, struct.unpack_from("!QHBBIIHHQQ", data, 8)))
    out["match"] = read_match(data[48:])[0]
    return out


def read_port(data):
    keys = "number mac name config state curr advertised supported peer curr_speed max_speed".split()
    out = dict(zip(keys, struct.unpack_from("!I4x6s2x16s8I", data)))
    out["name"] = out["name"].rstrip(b"\0").decode()
    return out


def read_port_status(data):
    return data[8], read_port(data[16:])


def each(data, size, reader):
    assert len(data) % size == 0, (len(data), size)
    return [reader(data[at:at + size]) for at in range(0, len(data), size)]


def read_flows(data):
    keys = "length table seconds nanoseconds priority idle hard flags cookie packets bytes".split()
    out = []
    while data:
        flow = dict(zip(keys, struct.unpack_from("!HBxIIHHHH4xQQQ", data)))
        flow["match"], size = read_match(data[48:])
        flow["instructions"] = data[48 + size:flow["length"]]
        out.append(flow)
        data = data[flow["length"]:]
    return out


def read_tables(data):
    return each(data, 24, lambda x: dict(zip(("table", "active", "lookup", "matched"), struct.unpack("!B3xIQQ", x))))


def read_port_stats(data):
    keys = ("number rx_packets tx_packets rx_bytes tx_bytes rx_dropped tx_dropped rx_errors tx_errors rx_frame_err rx_over_err "
            "rx_crc_err collisions seconds nanoseconds").split()
    return each(data, 112, lambda x: dict(zip(keys, struct.unpack("!I4x12QII", x))))


def read_table_features(data):
    """-> [{table, name, ..., properties: {type: bytes}}]"""
    out = []
    while data:
        keys = "length table name metadata_match metadata_write config max_entries".split()
        table = dict(zip(keys, struct.unpack_from("!HB5x32sQQII", data)))
        table["name"] = table["name"].rstrip(b"\0").decode()
        table["properties"] = {}
        at = 64
        while at < table["length"]:
            kind, length = struct.unpack_from("!HH", data, at)
            assert kind not in table["properties"], kind
            table["properties"][kind] = data[at + 4:at + length]
            at += (length + 7) // 8 * 8
        out.append(table)
        data = data[table["length"]:]
    return out
