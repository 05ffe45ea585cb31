#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flows that come and go by the hundred thousand leave no memory behind.
    FLOW_MODS=1000000 memory.py     as many as that instead"""
import os

from support import wire
from support.switch import SwitchTest, run
from support.wire import apply, flow_mod, match, output, set_field

FLOW_MODS = int(os.environ.get("FLOW_MODS", "200000"))
ROUND = 10000


def flows(command, n):
    return b"".join(flow_mod(*([apply(set_field("eth_dst", i), output(22))] if command == wire.ADD else []), command=command, priority=1 + i % 7, idle=i % 3,
                             match=match(in_port=11 + i % 3, eth_src=i, eth_type=0x800, ipv4_dst=i), table=i % 5) for i in range(n))


class Memory(SwitchTest):
    def test_cycles(self):
        add, delete = flows(wire.ADD, ROUND // 2), flows(wire.DELETE_STRICT, ROUND // 2)
        warm, rss = FLOW_MODS // ROUND // 4, []
        for i in range(FLOW_MODS // ROUND):
            self.c.send(add)
            self.c.barrier()
            if not i:
                self.assertEqual(len(self.c.flows()), ROUND // 2)
            self.c.send(delete)
            self.c.barrier()
            rss.append(self.sw.rss_kb())
        self.assertEqual(self.c.flows(), [])
        print(f"{FLOW_MODS} flow-mods: {rss[warm]} KiB after a quarter, {rss[-1]} KiB after all")
        self.assertLess(rss[-1] - rss[warm], self.sw.memory_kb(4096))

    def test_a_loose_delete_of_many(self):
        self.c.send(flows(wire.ADD, 50000))
        self.c.barrier()
        full = self.sw.rss_kb()
        for _ in range(3):
            self.c.do(flow_mod(command=wire.DELETE, table=wire.ALL_TABLES))
            self.assertEqual(self.c.flows(), [])
            self.c.send(flows(wire.ADD, 50000))
            self.c.barrier()
        self.assertLess(self.sw.rss_kb() - full, self.sw.memory_kb(16384))


if __name__ == "__main__":
    run()
