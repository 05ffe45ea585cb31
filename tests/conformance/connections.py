#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5, 6.3 to 6.4: a controller that falls silent is given up and looked for again, at longer and longer
intervals; auxiliary connections follow the switch file; a controller that floods leaves the others served."""
import re
import struct

from support import wire
from support.switch import ControlledTest, Session, SwitchTest, run, until
from support.wire import flow_mod, match

PROBE, LONGEST = 5, 8  # seconds
FRAME = bytes(range(60))


def auxiliary_id(session):
    return struct.unpack_from("!B", session.ask(wire.message(wire.FEATURES_REQUEST), wire.FEATURES_REPLY), 21)[0]


class Silence(ControlledTest):
    def accept(self):
        """The switch's next attempt, for which nobody waits; those that it has given up itself are passed over."""
        self.door.setblocking(False)
        while True:
            try:
                s = Session(self.door.accept()[0], greet=False)
                s.send(wire.hello())
                if s.read_one():
                    return s
                s.close()
            except BlockingIOError:
                self.pass_time(LONGEST + 0.1)
            except OSError:
                s.close()

    def pass_time(self, seconds):
        self.sw.warp(seconds)
        self.sw.call("connection/tick")
        self.c.barrier()  # it lives

    def silent(self):
        """A controller that says no more: it is asked once whether it lives, and then dropped."""
        s = self.accept()
        self.pass_time(PROBE + 0.1)
        self.assertEqual(s.read_one()[1], wire.ECHO_REQUEST)
        self.pass_time(PROBE + 0.1)
        self.assertEqual(s.read_one(), b"")
        s.close()

    def stands_alone(self, is_alone):
        """Does a frame that no flow is for go where a learning switch would send it?"""
        def has_left():
            self.sw.give("p1", FRAME)
            return bool(self.sw.take("p2")) == is_alone
        until(has_left, f"the fail mode does not {'begin' if is_alone else 'end'}")
        self.sw.take("p3")

    def test_secure(self):
        s = self.accept()
        s.do(flow_mod(wire.apply(wire.output(33)), match=match(in_port=11)))
        s.close()
        self.silent()
        self.sw.give("p1", FRAME)
        self.assertEqual(self.sw.take_some("p3", 1), [FRAME], "6.4: the flows stay")
        self.c.do(flow_mod(command=wire.DELETE))
        self.sw.give("p1", FRAME)
        self.assertEqual(self.sw.take("p2"), [], "what no flow is for is dropped")

    def test_a_sign_of_life_is_enough(self):
        s = self.accept()
        for _ in range(3):
            self.pass_time(PROBE + 0.1)
            self.assertEqual(s.read_one()[1], wire.ECHO_REQUEST)
            s.send(wire.message(wire.ECHO_REPLY))
            s.barrier()
        s.close()

    def test_attempts_go_on(self):
        """However often they fail, the next one comes within the longest pause; one that succeeds is as good as the first."""
        for _ in range(2):
            for _ in range(6):
                self.turned_down()
            s = self.accept()
            s.barrier()
            s.close()

    def turned_down(self):
        """One that ends without a hello."""
        self.door.setblocking(False)
        while True:
            try:
                self.door.accept()[0].close()
                return
            except BlockingIOError:
                self.pass_time(LONGEST + 0.1)


class Alone(Silence):
    SETTINGS = '    fail_mode: standalone\n    controllers: ["%s"]'

    def test_secure(self):
        """6.4: alone while there is no controller, and not any more when it is back."""
        s = self.accept()
        self.stands_alone(False)
        s.close()
        self.stands_alone(True)
        self.pass_time(1.1)
        s = self.accept()
        s.barrier()
        self.stands_alone(False)
        self.pass_time(PROBE + 0.1)
        self.pass_time(PROBE + 0.1)
        self.stands_alone(True)
        s.close()


class Auxiliary(ControlledTest):
    SETTINGS = '    controllers: [{target: "%s", auxiliary: 1}]'

    def set_auxiliary(self, n):
        with open(self.sw.file, encoding="utf-8") as f:
            text = f.read()
        with open(self.sw.file, "w", encoding="utf-8") as f:
            f.write(re.sub(r"auxiliary: -?\d+", f"auxiliary: {n}", text))
        self.sw.call("reload")

    def packet_in(self, *ways):
        """Sends a frame; its packet-in comes by one of these sessions, and by no other of `all`."""
        self.sw.give("p1", FRAME)
        self.c.next_async(wire.PACKET_IN)
        for s in ways:
            s.barrier()
        self.assertEqual([len(s.late) for s in ways].count(1), 1)
        for s in ways:
            s.late.clear()

    def test_reload(self):
        main = self.accept()
        main.do(flow_mod(wire.apply(wire.output(wire.CONTROLLER))))
        one = self.accept()
        self.assertEqual(auxiliary_id(one), 1)
        self.packet_in(one)
        self.set_auxiliary(3)
        more = {auxiliary_id(s): s for s in (self.accept(), self.accept())}
        self.assertEqual(sorted(more), [2, 3])
        self.packet_in(one, *more.values())
        self.set_auxiliary(2)
        self.assertEqual(more[3].read(), b"")
        self.packet_in(one, more[2])
        self.set_auxiliary(0)
        self.assertEqual((one.read(), more[2].read()), (b"", b""))
        self.packet_in(main)
        main.silence()
        for n in (16, -1):
            with self.assertRaisesRegex(AssertionError, "auxiliary"):
                self.set_auxiliary(n)
            self.set_auxiliary(0)
        self.set_auxiliary(1)
        again = self.accept()
        self.assertEqual(auxiliary_id(again), 1)
        for s in (main, one, again, *more.values()):
            s.close()


class Flood(SwitchTest):
    def test_the_others_are_served(self):
        """While one controller's messages wait by the ten thousand, each message of another is handled before more than some of those."""
        n, asked = 40000, 300
        flood = b"".join(flow_mod(table=5, match=match(eth_src=i)) for i in range(n)) + wire.message(wire.BARRIER_REQUEST, xid=7)
        question = wire.multipart(wire.MP_TABLE)
        with self.sw.session() as loud, self.sw.session() as other:
            loud.socket.setblocking(False)
            sent = loud.socket.send(flood)  # as much as waits in the kernel
            other.send(question * asked)
            loud.socket.settimeout(None)
            flows = []
            while len(flows) < asked:
                got = other.read()
                flows.append(wire.read_tables(got[16:])[5]["active"])
                if sent < len(flood) and len(flows) % 10 == 0:
                    loud.socket.setblocking(False)
                    try:
                        sent += loud.socket.send(flood[sent:])
                    except BlockingIOError:
                        pass
            steps = [b - a for a, b in zip(flows, flows[1:])]
            self.assertLessEqual(max(steps), 2 * 64, "a turn of the loop takes 64 messages of each")
            loud.socket.settimeout(60)
            loud.send(flood[sent:])
            while wire.header(loud.read())["xid"] != 7:
                pass
            self.assertEqual(wire.read_tables(other.ask(question, wire.MULTIPART_REPLY)[16:])[5]["active"], n)
        self.c.do(flow_mod(command=wire.DELETE, table=5))


if __name__ == "__main__":
    run()
