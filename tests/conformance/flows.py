#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5, 5.5, 6.4, 7.3.4.1, 7.4.2: what flow-mods do to flows, their counters and timeouts, and flow-removed."""
from support import wire
from support.switch import SwitchTest, run, until
from support.wire import (ADD, DELETE, DELETE_STRICT, FLOW_MOD_FAILED, MODIFY, MODIFY_STRICT, apply, flow_mod, goto, group, match, output, oxm,
                          write)

TO_22, TO_33 = apply(output(22)), apply(output(33))
NET10 = match(oxm("eth_type", 0x800), oxm("ipv4_dst", 0x0a000000, 0xff000000))
NET101 = match(oxm("eth_type", 0x800), oxm("ipv4_dst", 0x0a010000, 0xffff0000))
HOST = match(eth_type=0x800, ipv4_dst=0x0a010203)
NET11 = match(oxm("eth_type", 0x800), oxm("ipv4_dst", 0x0b000000, 0xff000000))
IDLE, HARD, DELETED = range(3)


class FlowTest(SwitchTest):
    def names(self, **query):
        """The cookies of the flows that a query means, in order."""
        return sorted(f["cookie"] for f in self.c.flows(**query))

    def one(self, **query):
        flows = self.c.flows(**query)
        self.assertEqual(len(flows), 1, flows)
        return flows[0]

    def send(self, n=1, size=60, port="p1"):
        """Frames that the switch has counted when this returns: they come out at p2."""
        for i in range(n):
            self.sw.give(port, bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, i]) + bytes(size - 15))
        self.sw.take_some("p2", n)


class Commands(FlowTest):
    def test_add(self):
        self.c.do(flow_mod(TO_22, cookie=7, priority=9, idle=3, hard=4, flags=wire.SEND_FLOW_REM, match=NET10, table=5))
        f = self.one()
        self.assertEqual({k: f[k] for k in ("cookie", "priority", "idle", "hard", "flags", "table", "packets", "bytes")},
                         {"cookie": 7, "priority": 9, "idle": 3, "hard": 4, "flags": 1, "table": 5, "packets": 0, "bytes": 0})
        self.assertEqual((f["match"], f["instructions"]), ({"eth_type": 0x800, "ipv4_dst": (0x0a000000, 0xff000000)}, TO_22))

    def test_add_replaces(self):
        self.c.do(flow_mod(TO_22, cookie=1, flags=wire.SEND_FLOW_REM))
        self.send(3)
        self.sw.warp(100)
        self.assertGreaterEqual(self.one()["seconds"], 100)
        self.c.do(flow_mod(TO_33, cookie=2, idle=50))
        f = self.one()
        self.assertEqual((f["cookie"], f["idle"], f["flags"], f["instructions"]), (2, 50, 0, TO_33))
        self.assertEqual((f["packets"], f["bytes"]), (3, 180), "counters are kept")
        self.assertLess(f["seconds"], 90, "the duration begins anew")
        self.c.silence()  # no flow-removed for what is replaced
        self.c.do(flow_mod(TO_22, cookie=3, flags=wire.RESET_COUNTS))
        self.assertEqual([self.one()[k] for k in ("packets", "bytes")], [0, 0])

    def test_the_same_match_is_another_flow_with_another_priority_table_or_mask(self):
        self.c.do(flow_mod(cookie=1, match=NET10), flow_mod(cookie=2, match=NET10, priority=1), flow_mod(cookie=3, match=NET10, table=1),
                  flow_mod(cookie=4, match=NET101))
        self.assertEqual(self.names(), [1, 2, 3, 4])

    def test_overlap(self):
        def overlapping(**fields):
            return flow_mod(flags=wire.CHECK_OVERLAP, **fields)
        self.c.do(flow_mod(cookie=1, match=NET10, priority=5))
        for what, m in (("the same", NET10), ("a part", HOST), ("everything", match()), ("crosswise", match(in_port=11))):
            self.refused(overlapping(match=m, priority=5), FLOW_MOD_FAILED, 3, what)
            self.c.do(flow_mod(command=MODIFY, match=m, priority=5, flags=wire.CHECK_OVERLAP))
        self.c.do(overlapping(match=NET11, priority=5, cookie=2), overlapping(match=HOST, priority=6, cookie=3),
                  overlapping(match=HOST, priority=5, table=1, cookie=4), flow_mod(match=HOST, priority=5, cookie=5))
        self.assertEqual(self.names(), [1, 2, 3, 4, 5])

    def test_modify(self):
        for i, m in enumerate((NET10, NET101, HOST, NET11, match()), 1):
            self.c.do(flow_mod(TO_22, cookie=i, match=m, priority=i, idle=500, hard=900, flags=wire.SEND_FLOW_REM))
        self.c.do(flow_mod(TO_22, cookie=6, match=HOST, table=1))
        self.sw.warp(10)
        self.c.do(flow_mod(TO_33, command=MODIFY, match=NET101, priority=77, cookie=99, idle=1, hard=1, flags=wire.NO_PKT_COUNTS))
        flows = {f["cookie"]: f for f in self.c.flows()}
        self.assertEqual({c for c, f in flows.items() if f["instructions"] == TO_33}, {2, 3}, "all that is more specific, in that table")
        for f in flows.values():
            if f["table"] == 0:
                self.assertEqual((f["idle"], f["hard"], f["flags"], f["priority"]), (500, 900, 1, f["cookie"]), "nothing else changes")
                self.assertGreaterEqual(f["seconds"], 10)
        self.c.do(flow_mod(TO_33, command=MODIFY_STRICT, match=NET10, priority=2), flow_mod(TO_33, command=MODIFY_STRICT, match=HOST, priority=1),
                  flow_mod(TO_33, command=MODIFY_STRICT, match=match(), priority=4))
        self.assertEqual({f["cookie"] for f in self.c.flows() if f["instructions"] == TO_33}, {2, 3}, "strict: priority and match are the same")
        self.c.do(flow_mod(TO_33, command=MODIFY_STRICT, match=NET10, priority=1))
        self.assertEqual({f["cookie"] for f in self.c.flows() if f["instructions"] == TO_33}, {1, 2, 3})
        self.c.do(flow_mod(TO_33, command=MODIFY, match=match(in_port=5)), flow_mod(TO_33, command=MODIFY_STRICT, match=match(in_port=5)))
        self.assertEqual(len(self.c.flows()), 6, "modifying what is not there adds nothing")

    def test_modify_counters(self):
        self.c.do(flow_mod(TO_22))
        self.send(2)
        self.c.do(flow_mod(apply(output(22), output(33)), command=MODIFY))
        self.send(1)
        self.assertEqual([self.one()[k] for k in ("packets", "bytes")], [3, 180])
        self.c.do(flow_mod(TO_22, command=MODIFY_STRICT, flags=wire.RESET_COUNTS))
        self.assertEqual([self.one()[k] for k in ("packets", "bytes", "flags")], [0, 0, 0])
        self.send(1, size=100)
        self.assertEqual([self.one()[k] for k in ("packets", "bytes")], [1, 100])

    def test_delete(self):
        def fill():
            for i, m in enumerate((NET10, NET101, HOST, NET11, match()), 1):
                self.c.do(flow_mod(cookie=i, match=m, priority=i), flow_mod(cookie=i + 10, match=m, priority=i, table=253))
        fill()
        self.c.do(flow_mod(command=DELETE, match=NET101, priority=77))
        self.assertEqual(self.names(table=0), [1, 4, 5])
        self.c.do(flow_mod(command=DELETE, match=NET10, table=wire.ALL_TABLES))
        self.assertEqual(self.names(), [4, 5, 14, 15])
        fill()
        self.c.do(flow_mod(command=DELETE_STRICT, match=NET101, priority=1), flow_mod(command=DELETE_STRICT, match=match(), priority=2))
        self.assertEqual(len(self.names()), 10)
        self.c.do(flow_mod(command=DELETE_STRICT, match=NET101, priority=2))
        self.assertEqual(self.names(table=0), [1, 3, 4, 5])
        self.c.do(flow_mod(command=DELETE_STRICT, match=match(), priority=5, table=wire.ALL_TABLES))
        self.assertEqual(self.names(), [1, 3, 4, 11, 12, 13, 14])
        self.c.do(flow_mod(command=DELETE, match=match(), table=wire.ALL_TABLES))
        self.assertEqual(self.names(), [])

    def test_a_delete_looks_at_nothing_but_its_match(self):
        self.c.do(flow_mod(cookie=1), flow_mod(apply(group(5)), command=DELETE, buffer=5, idle=7, flags=wire.CHECK_OVERLAP | wire.RESET_COUNTS))
        self.assertEqual(self.names(), [])

    def test_cookies(self):
        def fill():
            self.c.do(flow_mod(command=DELETE), *[flow_mod(TO_22, cookie=c, priority=c) for c in (0x10, 0x11, 0x21)])
        fill()
        self.assertEqual(self.names(cookie=0x10, cookie_mask=0xf0), [0x10, 0x11])
        self.assertEqual(self.names(cookie=0x1, cookie_mask=0x1), [0x11, 0x21])
        self.assertEqual(self.names(cookie=0x99, cookie_mask=0), [0x10, 0x11, 0x21], "mask 0: the cookie is not asked")
        self.assertEqual(self.names(cookie=0x99, cookie_mask=0xff), [])
        self.c.do(flow_mod(TO_33, command=MODIFY, cookie=0x01, cookie_mask=0x0f))
        self.assertEqual({f["cookie"] for f in self.c.flows() if f["instructions"] == TO_33}, {0x11, 0x21})
        self.c.do(flow_mod(TO_33, command=MODIFY_STRICT, priority=0x10, cookie=0x01, cookie_mask=0x0f))
        self.assertEqual(self.one(cookie=0x10, cookie_mask=0xff)["instructions"], TO_22)
        self.c.do(flow_mod(command=DELETE_STRICT, priority=0x10, cookie=0x01, cookie_mask=0x0f), flow_mod(command=DELETE, cookie=0x20, cookie_mask=0xf0))
        self.assertEqual(self.names(), [0x10, 0x11])
        self.c.do(flow_mod(TO_22, cookie=5, priority=0x10, cookie_mask=0xff))
        self.assertEqual(self.names(), [5, 0x11], "an addition does not look at the mask")

    def test_output_filters(self):
        def fill():
            self.c.do(flow_mod(TO_22, cookie=1, priority=1), flow_mod(write(output(22)), cookie=2, priority=2), flow_mod(TO_33, cookie=3, priority=3),
                      flow_mod(goto(3), cookie=4, priority=4), flow_mod(apply(output(wire.CONTROLLER)), cookie=5, priority=5),
                      flow_mod(apply(output(33), wire.push_vlan(), output(22)), write(output(11)), cookie=6, priority=6))
        fill()
        for port, want in ((22, [1, 2, 6]), (33, [3, 6]), (11, [6]), (wire.CONTROLLER, [5]), (44, []), (wire.IN_PORT, [])):
            self.assertEqual(self.names(out_port=port), want)
        self.assertEqual(self.names(out_group=5), [])
        self.c.do(flow_mod(command=DELETE, out_group=5), flow_mod(TO_33, command=MODIFY, match=match(in_port=1), out_port=22),
                  flow_mod(command=DELETE, out_port=44), flow_mod(command=DELETE_STRICT, priority=3, out_port=22))
        self.assertEqual(self.names(), [1, 2, 3, 4, 5, 6])
        self.c.do(flow_mod(command=DELETE, out_port=22))
        self.assertEqual(self.names(), [3, 4, 5])
        self.c.do(flow_mod(command=DELETE_STRICT, priority=3, out_port=33), flow_mod(command=DELETE, out_port=wire.CONTROLLER))
        self.assertEqual(self.names(), [4])
        fill()
        self.c.do(flow_mod(apply(output(55)), command=MODIFY, out_port=22))
        self.assertEqual(len([f for f in self.c.flows() if f["instructions"] == apply(output(55))]), 6, "a modification does not look at out_port")

    def test_aggregate(self):
        self.c.do(flow_mod(TO_22, cookie=1, priority=2), flow_mod(TO_22, cookie=2, match=NET10), flow_mod(TO_33, cookie=2, table=9))
        self.send(4, size=64)

        def aggregate(**query):
            data = self.c.parts(wire.flow_request(kind=wire.MP_AGGREGATE, **query))
            self.assertEqual(len(data), 24)
            return tuple(int.from_bytes(x, "big") for x in (data[:8], data[8:16], data[16:20]))
        self.assertEqual(aggregate(), (4, 256, 3))
        self.assertEqual(aggregate(table=9), (0, 0, 1))
        self.assertEqual(aggregate(cookie=2, cookie_mask=2), (0, 0, 2))
        self.assertEqual(aggregate(out_port=22, match=NET10), (0, 0, 1))
        self.assertEqual(aggregate(table=77), (0, 0, 0))
        for kind in (wire.MP_FLOW, wire.MP_AGGREGATE):
            self.refused(wire.flow_request(kind=kind, table=254), wire.BAD_REQUEST, 9)
            self.refused(wire.flow_request(kind=kind, match=match(ipv4_src=1)), wire.BAD_MATCH, 9)


class Timeouts(FlowTest):
    def gone(self, why, **want):
        got = wire.read_flow_removed(self.c.next_async(wire.FLOW_REMOVED))
        self.assertEqual(got["reason"], why)
        self.assertEqual({k: got[k] for k in want}, want)
        return got

    def test_hard(self):
        self.c.do(flow_mod(TO_22, cookie=5, hard=10, idle=0, priority=3, table=0, match=match(in_port=11), flags=wire.SEND_FLOW_REM))
        self.send(2)
        self.sw.warp(9)
        self.c.silence()
        self.one()
        self.sw.warp(1.5)
        got = self.gone(HARD, cookie=5, hard=10, idle=0, priority=3, table=0, match={"in_port": 11}, packets=2, bytes=120)
        self.assertIn(got["seconds"], (10, 11))
        self.assertEqual(self.c.flows(), [])

    def test_idle(self):
        self.c.do(flow_mod(TO_22, cookie=6, idle=10, table=0, flags=wire.SEND_FLOW_REM))
        for _ in range(3):
            self.sw.warp(8)
            self.send()
        self.c.silence()
        self.sw.warp(8)
        self.one()
        self.sw.warp(3)
        got = self.gone(IDLE, cookie=6, idle=10, hard=0, packets=3, bytes=180)
        self.assertIn(got["seconds"], range(34, 40))

    def test_both(self):
        """The hard timeout comes in spite of traffic, the idle one before it."""
        self.c.do(flow_mod(TO_22, cookie=1, idle=10, hard=15, priority=1, flags=wire.SEND_FLOW_REM),
                  flow_mod(TO_33, cookie=2, idle=10, hard=15, priority=1, table=1, flags=wire.SEND_FLOW_REM))
        self.sw.warp(8)
        self.send()
        self.sw.warp(3)
        self.gone(IDLE, cookie=2)
        self.send()
        self.sw.warp(5)
        self.gone(HARD, cookie=1, packets=2)

    def test_without_the_flag_nothing_is_said(self):
        self.c.do(flow_mod(cookie=1, hard=1, priority=1), flow_mod(cookie=2, priority=2), flow_mod(cookie=3, hard=1, priority=3, flags=wire.SEND_FLOW_REM))
        self.sw.warp(3)
        self.gone(HARD, cookie=3)
        self.c.do(flow_mod(command=DELETE))
        self.c.silence()

    def test_modify_keeps_the_age(self):
        self.c.do(flow_mod(TO_22, cookie=1, hard=20, idle=0, flags=wire.SEND_FLOW_REM))
        self.sw.warp(15)
        self.c.do(flow_mod(TO_33, command=MODIFY, flags=wire.RESET_COUNTS, hard=100))
        self.sw.warp(6)
        self.gone(HARD, cookie=1, hard=20)

    def test_add_begins_a_new_age(self):
        self.c.do(flow_mod(TO_22, cookie=1, hard=20, flags=wire.SEND_FLOW_REM))
        self.sw.warp(15)
        self.c.do(flow_mod(TO_22, cookie=2, hard=20, flags=wire.SEND_FLOW_REM))
        self.sw.warp(15)
        self.one(cookie=2, cookie_mask=255)
        self.sw.warp(6)
        self.gone(HARD, cookie=2)

    def test_deleted(self):
        self.c.do(flow_mod(TO_22, cookie=1, priority=1, idle=5, hard=6, flags=wire.SEND_FLOW_REM),
                  flow_mod(TO_22, cookie=2, priority=2, match=NET10, flags=wire.SEND_FLOW_REM), flow_mod(TO_22, cookie=3, priority=3, match=NET10))
        self.send(1)
        self.c.do(flow_mod(command=DELETE_STRICT, priority=1))
        self.gone(DELETED, cookie=1, idle=5, hard=6, packets=1, bytes=60, priority=1, table=0, match={})
        self.c.do(flow_mod(command=DELETE))
        self.gone(DELETED, cookie=2, packets=0, match={"eth_type": 0x800, "ipv4_dst": (0x0a000000, 0xff000000)})
        self.c.silence()

    def test_many_at_once(self):
        n = 5000
        self.c.send(b"".join(flow_mod(hard=3, cookie=i, match=match(eth_dst=i), flags=wire.SEND_FLOW_REM) for i in range(n)))
        self.c.barrier()
        self.sw.warp(5)
        got = [wire.read_flow_removed(self.c.next_async(wire.FLOW_REMOVED))["cookie"] for _ in range(n)]
        self.assertEqual(sorted(got), list(range(n)))
        until(lambda: not self.c.flows(), "the flows do not go")


if __name__ == "__main__":
    run()
