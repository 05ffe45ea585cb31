#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5, 6.3.6: ten controllers in all roles that come, claim, ask, change and vanish at random, against what the
specification says of each; TRAMA_SEED repeats a run.  Sanitizers look for what a session leaves behind."""
import os
import random
import struct
import time

from support import wire
from support.switch import SwitchTest, run
from support.wire import BAD_REQUEST, flow_mod

NOCHANGE, EQUAL, MASTER, SLAVE = range(4)
SESSIONS, STEPS = 10, 1500
NONE = (1 << 64) - 1


class Sessions(SwitchTest):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("TRAMA_SEED", time.time_ns() & 0xffffff))
        self.seed = f"TRAMA_SEED={seed}"
        self.random = random.Random(seed)
        self.roles = {}  # session: its role, as it must be
        self.newest = None  # generation id
        self.priorities = set()  # of the flows that must be there

    def come(self):
        self.roles[self.sw.session(hears=self.random.random() < 0.5)] = EQUAL

    def vanish(self, s):
        """In whatever state: amid a message, with a bundle open, with answers that nobody will read."""
        last = self.random.choice([b"", flow_mod()[:11], wire.flow_request() * 20, wire.multipart(wire.MP_TABLE_FEATURES, flags=1),
                                   wire.message(wire.EXPERIMENTER, struct.pack("!IIIHH", 0x4f4e4600, 2300, 1, 0, 0))])
        s.send(last)
        s.close()
        del self.roles[s]

    def claim(self, s):
        role = self.random.choice((NOCHANGE, EQUAL, MASTER, MASTER, SLAVE))
        generation = ((self.newest or 0) + self.random.choice((-2, -1, 0, 0, 1, 5))) & NONE
        is_claim = role in (MASTER, SLAVE)
        if is_claim and self.newest is not None and (generation - self.newest) & NONE > NONE >> 1:
            self.assertEqual(s.refusal(wire.role_request(role, generation)), (wire.ROLE_REQUEST_FAILED, 0), self.seed)
            return
        if is_claim:
            self.newest = generation
        if role == MASTER:
            for other, its in self.roles.items():
                self.roles[other] = SLAVE if its == MASTER else its
        if role != NOCHANGE:
            self.roles[s] = role
        got = struct.unpack("!I4xQ", s.ask(wire.role_request(role, generation), wire.ROLE_REPLY)[8:])
        self.assertEqual(got, (self.roles[s], NONE if self.newest is None else self.newest), self.seed)

    def change(self, s):
        priority = self.random.randrange(200)
        command = self.random.choice((wire.ADD, wire.DELETE_STRICT))
        data = flow_mod(wire.apply(wire.output(22)), command=command, priority=priority)
        if self.roles[s] == SLAVE:
            self.assertEqual(s.refusal(data), (BAD_REQUEST, 10), self.seed)
            return
        s.do(data)
        (self.priorities.add if command == wire.ADD else self.priorities.discard)(priority)

    def ask(self, s):
        self.assertEqual({f["priority"] for f in s.flows()}, self.priorities, self.seed)

    def test_come_and_go(self):
        got = struct.unpack("!I4xQ", self.c.ask(wire.role_request(NOCHANGE), wire.ROLE_REPLY)[8:])
        self.assertEqual(got, (EQUAL, NONE))
        for _ in range(STEPS):
            if len(self.roles) < SESSIONS:
                self.come()
                continue
            s = self.random.choice(list(self.roles))
            self.random.choices((self.claim, self.change, self.ask, self.vanish), (6, 6, 2, 1))[0](s)
            self.assertLessEqual(list(self.roles.values()).count(MASTER), 1)
        for s, role in self.roles.items():
            self.assertEqual(struct.unpack_from("!I", s.ask(wire.role_request(NOCHANGE), wire.ROLE_REPLY), 8)[0], role, self.seed)
            s.close()
        self.ask(self.c)
        self.c.late.clear()


if __name__ == "__main__":
    run()
