#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5, 5.8.3, 7.2.2, 7.3.5.8, 7.3.6: queues of ports.  The rates are so slow that only a warped clock moves them."""
import struct

from support import wire
from support.switch import SwitchTest, run, until
from support.wire import QUEUE_OP_FAILED, apply, flow_mod, match, multipart, output, packet_out, set_queue

BIG = bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]) + bytes(1486)  # 12,000 bits: 12 s at 1 kbit/s
SLOW = "{rate: 1Gbit, queues: {0: {max: 1kbit}, 7: {min: 100Mbit, max: 250Mbit}}}"
MIN_RATE, MAX_RATE = 1, 2


def read_queues(data):
    """queue-get-config-reply, behind its header: {(port, queue): {property: rate}}"""
    out = {}
    while data:
        queue, port, length = struct.unpack_from("!IIH", data)
        properties, data = data[16:length], data[length:]
        rates = {}
        while properties:
            kind, size, rate = struct.unpack_from("!HH4xH", properties)
            rates[kind], properties = rate, properties[size:]
        out[port, queue] = rates
    return out


class Queues(SwitchTest):
    def setUp(self):
        super().setUp()
        self.sw.call("queue/set", "p2", SLOW)

    def tearDown(self):
        self.sw.call("queue/clear", "p2")
        self.sw.take("p2")
        super().tearDown()

    def config(self, port):
        got = self.c.ask(wire.message(wire.QUEUE_GET_CONFIG_REQUEST, struct.pack("!I4x", port)), wire.QUEUE_GET_CONFIG_REPLY)
        self.assertEqual(struct.unpack_from("!I", got, 8)[0], port)
        return read_queues(got[16:])

    def stats(self, port=wire.ANY, queue=wire.ANY):
        """{(port, queue): (bytes, packets, errors)}"""
        body = self.c.parts(multipart(wire.MP_QUEUE, struct.pack("!II", port, queue)))
        return {x[:2]: x[2:5] for x in struct.iter_unpack("!IIQQQII", body)}

    def test_config(self):
        want = {(22, 0): {MAX_RATE: 0}, (22, 7): {MIN_RATE: 100, MAX_RATE: 250}}  # tenths of a percent of 1 Gbit/s
        self.assertEqual(self.config(22), want)
        self.assertEqual(self.config(wire.ANY), want)
        self.assertEqual(self.config(11), {})

    def test_statistics(self):
        self.assertEqual(self.stats(), {(22, 0): (0, 0, 0), (22, 7): (0, 0, 0)})
        self.assertEqual(self.stats(22, 7), {(22, 7): (0, 0, 0)})
        self.assertEqual(self.stats(11), {})
        for port, queue, code in ((44, wire.ANY, 0), (22, 6, 1), (11, 7, 1), (wire.ANY, 6, 1)):
            self.refused(multipart(wire.MP_QUEUE, struct.pack("!II", port, queue)), QUEUE_OP_FAILED, code)

    def test_rate(self):
        """A frame goes when the one before has been paid for, and not before."""
        self.c.do(flow_mod(apply(output(22)), match=match(in_port=11)))
        for _ in range(3):
            self.sw.give("p1", BIG)
        for sent in (1, 2, 3):
            self.sw.take_some("p2", 1)
            self.assertEqual(self.stats(22, 0), {(22, 0): (1500 * sent, sent, 0)})
            self.sw.warp(12)

    def test_set_queue(self):
        """Frames of one queue do not wait for those of another; the queue is chosen by either way of giving actions."""
        self.c.do(flow_mod(apply(output(22)), match=match(in_port=11)), flow_mod(apply(set_queue(7), output(22)), match=match(in_port=33)))
        for _ in range(2):
            self.sw.give("p1", BIG)
        for _ in range(20):
            self.sw.give("p3", BIG)
        self.sw.take_some("p2", 21)
        self.c.do(flow_mod(wire.write(output(22), set_queue(7)), match=match(in_port=33)))
        self.sw.give("p3", BIG)
        self.c.do(packet_out(BIG, set_queue(7), output(22)))
        self.sw.take_some("p2", 2)
        self.assertEqual(self.stats(22)[22, 7], (1500 * 22, 22, 0))
        # a queue that the port does not have is queue 0; each output takes the queue that was set last
        self.c.do(flow_mod(apply(set_queue(9), output(22), set_queue(7), output(22)), match=match(in_port=33)))
        self.sw.give("p3", BIG)
        self.sw.take_some("p2", 1)
        self.assertEqual(self.stats(22)[22, 7][1], 23)
        self.sw.warp(24)
        self.sw.take_some("p2", 2)

    def test_full(self):
        """A queue holds so much and no more; what does not fit is counted, and so is what waits when it is taken away."""
        self.c.do(flow_mod(apply(output(22)), match=match(in_port=11)))
        for _ in range(200):
            self.sw.give("p1", BIG)
        until(lambda: sum(self.stats(22, 0)[22, 0][1:]) > 1, "nothing is dropped")
        dropped = self.sw.call("stats")["drops"]
        until(lambda: self.sw.call("stats")["workers"][0]["frames"] >= 200, "the frames are not all here")
        errors = self.stats(22, 0)[22, 0][2]
        self.assertGreater(errors, 10)
        dropped = self.sw.call("stats")["drops"]
        gone = dropped["queue-gone"]
        self.sw.call("queue/clear", "p2")
        self.assertEqual(self.sw.call("stats")["drops"]["queue-gone"] - gone, 200 - 1 - errors)
        self.assertEqual(self.config(22), {})

    def test_commands(self):
        shown = self.sw.call("queue/list")
        self.assertEqual([(p["port"], p["rate_bps"], [q["queue"] for q in p["queues"]]) for p in shown], [("p2", 10**9, [0, 7])])
        self.assertEqual(self.sw.call("queue/list", "p1")[0]["queues"], [])
        for settings, words in (("{queues: {1: {min: 2Mbit, max: 1Mbit}}}", "min is more than max"), ("{rate: 5mm}", "'5mm' is not a rate"),
                                ("{rate: 999}", "out of range"), ("{queues: {x: {}}}", "x"), ("{queues: {4294967295: {}}}", "4294967294"),
                                ("{queues: {1: {}, 01: {}}}", "twice"), ("{speed: 1}", "'speed' is not known"), ("[", "p2:")):
            with self.assertRaises(AssertionError) as caught:
                self.sw.call("queue/set", "p2", settings)
            self.assertIn(words, str(caught.exception))
        for method in ("queue/set", "queue/clear", "queue/list"):
            with self.assertRaises(AssertionError) as caught:
                self.sw.call(method, "nope", *(["{}"] if method == "queue/set" else []))
            self.assertIn("there is no port nope", str(caught.exception))
        self.assertEqual(self.sw.call("queue/list"), shown)


if __name__ == "__main__":
    run()
