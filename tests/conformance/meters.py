#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5, 5.7, 7.3.4.4, 7.3.5.10 to 7.3.5.12: meters, what passes them, what is told of them, and errors.
What passes in a second, to the frame, is tests/unit/datapath/test_meter.c."""
import struct

from support import wire
from support.switch import SwitchTest, run, until
from support.wire import METER_MOD_FAILED, apply, band, flow_mod, goto, match, meter, meter_mod, multipart, output

ADD, MODIFY, REMOVE = range(3)
KBPS, PKTPS, BURST, STATS = 1, 2, 4, 8
EVERY, CONTROLLER, SLOWPATH = 0xffffffff, 0xfffffffe, 0xfffffffd
(_, EXISTS, INVALID, UNKNOWN, BAD_COMMAND, BAD_FLAGS, BAD_RATE, BAD_BURST, BAD_BAND, BAD_BAND_VALUE, _,
 OUT_OF_BANDS) = range(12)


def remark(rate, burst=0, level=1):
    return struct.pack("!HHIIB3x", 2, 16, rate, burst, level)


def ip(dscp):
    header = struct.pack("!BBHHHBBHII", 0x45, dscp << 2, 46, 0, 0, 64, 17, 0, 0x0a000001, 0x0a000002)
    return bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]) + header + bytes(26)


def read_stats(data):
    out = []
    while data:
        m = dict(zip("id length flows packets bytes seconds nanoseconds".split(), struct.unpack_from("!IH6xIQQII", data)))
        m["bands"] = wire.each(data[40:m["length"]], 16, lambda x: struct.unpack("!QQ", x))
        out.append(m)
        data = data[m["length"]:]
    return out


class MeterTest(SwitchTest):
    def setUp(self):
        super().setUp()
        self.c.do(meter_mod(REMOVE, 0, EVERY))

    def stats(self, number=EVERY):
        return read_stats(self.c.parts(multipart(wire.MP_METER, struct.pack("!I4x", number))))

    def config(self, number=EVERY):
        """The meters, as (flags, id, bands in bytes)."""
        data, out = self.c.parts(multipart(wire.MP_METER_CONFIG, struct.pack("!I4x", number))), []
        while data:
            length, flags, one = struct.unpack_from("!HHI", data)
            out.append((flags, one, data[8:length]))
            data = data[length:]
        return out

    def state(self):
        return super().state() + (self.config(),)

    def met(self, number, n):
        """The meter, once it has met n frames."""
        until(lambda: self.stats(number)[0]["packets"] == n, f"meter {number} does not meet {n} frames")
        return self.stats(number)[0]

    def send(self, n, dscp=0):
        for _ in range(n):
            self.sw.give("p1", ip(dscp))


class Metering(MeterTest):
    """The daemon's clock runs: what passes beside the burst is what real time allows."""

    def passed(self, number, n):
        """Of n frames that the meter has met: what its one band let pass."""
        return n - self.met(number, n)["bands"][0][0]

    def test_drop(self):
        """A burst passes at once, then little until time has paid for it."""
        self.c.do(meter_mod(ADD, PKTPS | BURST, 1, band(rate=1, burst=3)), flow_mod(meter(1), apply(output(22))))
        self.send(8)
        first = self.passed(1, 8)
        self.assertTrue(3 <= first < 8, first)
        self.sw.take_some("p2", first)
        self.sw.warp(1000)
        self.send(8)
        both = self.passed(1, 16)
        self.assertTrue(3 <= both - first < 8, both)
        self.sw.take_some("p2", both - first)
        m = self.met(1, 16)
        self.assertEqual((m["flows"], m["packets"], m["bytes"], m["bands"]), (1, 16, 960, [(16 - both, 60 * (16 - both))]))
        self.assertGreaterEqual(m["seconds"], 1000)
        self.assertEqual(self.c.flows()[0]["packets"], 16)

    def test_remark(self):
        """Drop precedence goes up behind the burst, and a later table sees it."""
        self.c.do(meter_mod(ADD, PKTPS | BURST, 1, remark(1, burst=2)), flow_mod(meter(1), goto(1)),
                  flow_mod(apply(output(22)), table=1, match=match(eth_type=0x800, ip_dscp=10)),
                  flow_mod(apply(output(33)), table=1, match=match(eth_type=0x800, ip_dscp=12)))
        self.send(6, dscp=10)
        n = self.passed(1, 6)
        self.assertTrue(2 <= n < 6, n)
        self.assertEqual([x[15] >> 2 for x in self.sw.take_some("p2", n) + self.sw.take_some("p3", 6 - n)], [10] * n + [12] * (6 - n))

    def test_bits(self):
        """2 kbit in bursts, 480 bits a frame: bits are counted, and the frame that uses up the rest passes."""
        self.c.do(meter_mod(ADD, BURST, 1, band(rate=1, burst=2)), flow_mod(meter(1), apply(output(22))))
        self.send(40)
        n = self.passed(1, 40)
        self.assertTrue(5 <= n < 40, n)
        self.sw.take_some("p2", n)

    def test_controller(self):
        self.c.do(meter_mod(ADD, PKTPS | BURST, CONTROLLER, band(rate=1, burst=2)), flow_mod(apply(output(wire.CONTROLLER), output(22))))
        self.send(8)
        self.sw.take_some("p2", 8)
        n = self.passed(CONTROLLER, 8)
        self.assertTrue(2 <= n < 8, n)
        for _ in range(n):
            self.c.next_async(wire.PACKET_IN)
        self.c.silence()


class Changes(MeterTest):
    def test_as_sent(self):
        bands = band(rate=5, burst=7) + remark(3, burst=9, level=2)
        self.c.do(meter_mod(ADD, KBPS | BURST | STATS, 4, bands), meter_mod(ADD, PKTPS, 0xffff0000, band(rate=6)), meter_mod(ADD, 0, 2))
        want = [(0, 2, b""), (KBPS | BURST | STATS, 4, bands), (PKTPS, 0xffff0000, band(rate=6))]
        self.assertEqual(self.config(), want)
        self.assertEqual(self.config(4), want[1:2])

    def test_modify(self):
        self.c.do(meter_mod(ADD, PKTPS | BURST, 1, band(rate=1, burst=1)), flow_mod(meter(1), apply(output(22))))
        self.send(3)
        self.sw.take_some("p2", 3 - self.met(1, 3)["bands"][0][0])
        self.c.do(meter_mod(MODIFY, PKTPS | BURST, 1, band(rate=1, burst=5), remark(9, burst=9)))
        self.send(3)
        self.sw.take_some("p2", 3)
        m = self.met(1, 6)
        self.assertEqual((m["flows"], m["packets"], m["bands"]), (1, 6, [(0, 0), (0, 0)]))

    def test_delete(self):
        self.c.do(meter_mod(ADD, 0, 1), meter_mod(ADD, 0, 2), flow_mod(meter(1), cookie=1, flags=wire.SEND_FLOW_REM),
                  flow_mod(meter(2), table=7, cookie=2), flow_mod(priority=1, cookie=3), meter_mod(REMOVE, 0, 1))
        gone = wire.read_flow_removed(self.c.next_async(wire.FLOW_REMOVED))
        self.assertEqual((gone["cookie"], gone["reason"]), (1, 2))
        self.assertEqual(sorted(f["cookie"] for f in self.c.flows()), [2, 3])
        self.c.do(meter_mod(REMOVE, 0, 1), meter_mod(REMOVE, 0, EVERY))
        self.assertEqual([f["cookie"] for f in self.c.flows()], [3])
        self.assertEqual(self.config(), [])

    def test_features(self):
        most, types, capabilities, bands, _ = struct.unpack("!IIIBB2x", self.c.parts(multipart(wire.MP_METER_FEATURES)))
        self.assertEqual((types, capabilities), (1 << 1 | 1 << 2, 0xf))
        self.assertTrue(most >= 1000 and bands >= 2)


class Errors(MeterTest):
    def test_each(self):
        self.c.do(meter_mod(ADD, PKTPS, 1, band()))
        drop = band()
        cases = [
            ("there already", meter_mod(ADD, 1, 1, drop), EXISTS), ("number 0", meter_mod(ADD, 1, 0, drop), INVALID),
            ("reserved", meter_mod(ADD, 1, 0xffff0001, drop), INVALID), ("no slow path", meter_mod(ADD, 1, SLOWPATH, drop), INVALID),
            ("all", meter_mod(MODIFY, 1, EVERY, drop), INVALID), ("not there", meter_mod(MODIFY, 1, 5, drop), UNKNOWN),
            ("command", meter_mod(3, 1, 5, drop), BAD_COMMAND), ("unknown flag", meter_mod(ADD, 0x10, 5, drop), BAD_FLAGS),
            ("two units", meter_mod(ADD, KBPS | PKTPS, 5, drop), BAD_FLAGS), ("rate 0", meter_mod(ADD, 1, 5, band(rate=0)), BAD_RATE),
            ("burst 0", meter_mod(MODIFY, BURST, 1, drop), BAD_BURST), ("band type", meter_mod(ADD, 1, 5, band(kind=9)), BAD_BAND),
            ("experimenter's", meter_mod(ADD, 1, 5, band(kind=0xffff)), BAD_BAND), ("level 0", meter_mod(ADD, 1, 5, remark(5, level=0)),
                                                                                 BAD_BAND_VALUE),
            ("bands", meter_mod(ADD, 1, 5, *[drop] * 255), OUT_OF_BANDS), ("a flow", flow_mod(meter(5)), UNKNOWN),
            ("a flow, 0", flow_mod(meter(0)), INVALID), ("a flow, controller", flow_mod(meter(CONTROLLER)), INVALID)]
        for name, data, code in cases:
            self.refused(data, METER_MOD_FAILED, code, name)
        self.refused(meter_mod(ADD, 1, 5, band(length=8)), wire.BAD_REQUEST, 6, "band cut off")
        for kind in (wire.MP_METER, wire.MP_METER_CONFIG):
            self.refused(multipart(kind, struct.pack("!I4x", 5)), METER_MOD_FAILED, UNKNOWN)


if __name__ == "__main__":
    run()
