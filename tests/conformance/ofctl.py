#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's ovs-ofctl on the management socket: each command, and what it says to the letter.  Exit 77: there is none."""
import os
import signal
import subprocess
import threading

from support import wire
from support.ofctl import TIMES, Monitor, OfctlTest, run_if_there
from support.switch import PATIENCE, until

FRAME = "ffffffffffff0200000000ab88b5" + "00" * 46


class Ofctl(OfctlTest):
    def setUp(self):
        super().setUp()
        self.mac = {p["name"]: ":".join(f"{b:02x}" for b in p["mac"])
                    for p in wire.each(self.c.parts(wire.multipart(wire.MP_PORT_DESC)), 64, wire.read_port)}

    def test_show(self):
        ports = "".join(f" {n}({name}): addr:{self.mac[name]}\n     config:     0\n     state:      LIVE\n     speed: 0 Mbps now, 0 Mbps max\n"
                        for name, n in self.PORTS.items())
        text = self.ofctl("show")
        self.assertTrue(text.startswith("OFPT_FEATURES_REPLY (OF1.3) (): dpid:1122334455667788\nn_tables:254, n_buffers:256\ncapabilities: FLOW_STATS"
                                        " TABLE_STATS PORT_STATS GROUP_STATS IP_REASM"), text)
        self.assertTrue(text.endswith(f"OFPST_PORT_DESC reply (OF1.3) ():\n{ports}OFPT_GET_CONFIG_REPLY (OF1.3) (): frags=normal miss_send_len=0\n"), text)
        self.assertEqual(self.ofctl("dump-ports-desc"), f"OFPST_PORT_DESC reply (OF1.3) ():\n{ports}")
        self.assertEqual(self.ofctl("get-frags"), "normal\n")
        for what in ("drop", "reassemble", "normal"):
            self.ofctl("set-frags", what)
            self.assertEqual(self.ofctl("get-frags"), what + "\n")
        self.assertIn("Manufacturer: trama\n", self.ofctl("dump-desc"))

    def test_groups(self):
        self.ofctl("add-group", "group_id=1,type=select,bucket=weight:3,actions=output:22,bucket=weight:0,actions=drop")
        self.ofctl("add-group", "group_id=2,type=ff,bucket=watch_port:22,actions=group:1,bucket=watch_group:1,actions=dec_ttl,output:11")
        self.ofctl("add-flow", "in_port=11,actions=group:2")
        self.ofctl("mod-group", "group_id=7,type=indirect,bucket=output:22", options=("--may-create",))
        self.ofctl("add-groups", "-", stdin="group_id=8,type=all,bucket=output:11\ngroup_id=9,type=all,bucket=group:8\n", options=("--bundle",))
        head, every = "OFPST_GROUP_DESC reply (OF1.3) ():\n", [
            " group_id=1,type=select,bucket=weight:3,actions=output:22,bucket=weight:0,actions=drop\n",
            " group_id=2,type=ff,bucket=watch_port:22,actions=group:1,bucket=watch_group:1,actions=dec_ttl,output:11\n",
            " group_id=7,type=indirect,bucket=actions=output:22\n", " group_id=8,type=all,bucket=actions=output:11\n",
            " group_id=9,type=all,bucket=actions=group:8\n"]
        self.assertEqual(self.ofctl("dump-groups"), head + "".join(every))
        self.assertEqual(self.ofctl("dump-group-stats", "group_id=1"), "OFPST_GROUP reply (OF1.3) ():\n group_id=1,,ref_count=1,packet_count=0,"
                         "byte_count=0,bucket0:packet_count=0,byte_count=0,bucket1:packet_count=0,byte_count=0\n")
        self.assertIn("Types:  0xf\n    Capabilities:  0xf\n", self.ofctl("dump-group-features"))
        self.fails("OFPGMFC_CHAINED_GROUP", "del-groups", "group_id=1")
        self.fails("OFPGMFC_GROUP_EXISTS", "add-group", "group_id=1,type=all")
        self.ofctl("mod-group", "group_id=9,type=all,bucket=output:22")
        self.ofctl("del-groups", "group_id=8")
        self.assertEqual(self.ofctl("dump-groups"), head + "".join(every[:3]) + " group_id=9,type=all,bucket=actions=output:22\n")
        self.ofctl("bundle", "-", stdin="group add group_id=30,type=all,bucket=output:11\nflow add in_port=22,actions=group:30\n")
        self.assertEqual(self.flows(), ["in_port=11 actions=group:2", "in_port=22 actions=group:30"])
        self.ofctl("del-groups")
        self.assertEqual((self.flows(), self.ofctl("dump-groups")), ([], head))

    def test_meters(self):
        one = "meter=1 pktps burst stats bands=\ntype=drop rate=1000 burst_size=100\n"
        two = "meter=2 kbps bands=\ntype=dscp_remark rate=1000 prec_level=1\ntype=drop rate=2000\n"
        self.ofctl("add-meter", "meter=1,pktps,burst,stats,bands=type=drop,rate=1000,burst_size=100")
        self.ofctl("add-meter", "meter=2,kbps,bands=type=dscp_remark,rate=1000,prec_level=1,type=drop,rate=2000")
        self.ofctl("add-meter", "meter=controller,pktps,bands=type=drop,rate=100")
        self.fails("OFPMMFC_INVALID_METER", "add-meter", "meter=slowpath,pktps,bands=type=drop,rate=100")
        self.fails("OFPMMFC_METER_EXISTS", "add-meter", "meter=1,pktps,bands=type=drop,rate=100")
        self.ofctl("add-flow", "in_port=11,actions=meter:1,output:22")
        head = "OFPST_METER_CONFIG reply (OF1.3) ():\n"
        self.assertEqual(self.ofctl("dump-meters"), f"{head}{one}\n{two}\nmeter=controller pktps bands=\ntype=drop rate=100\n")
        self.assertEqual(self.ofctl("dump-meter", "meter=2"), head + two)
        self.assertEqual(self.ofctl("meter-stats", "meter=1").replace("  ", " "), "OFPST_METER reply (OF1.3) ():\nmeter:1 flow_count:1 packet_in_count:0 "
                         "byte_in_count:0 bands:\n0: packet_count:0 byte_count:0\n")
        self.assertIn("band_types: drop dscp_remark\ncapabilities: kbps pktps burst stats\n", self.ofctl("meter-features"))
        self.ofctl("mod-meter", "meter=1,pktps,bands=type=drop,rate=5")
        self.assertEqual(self.ofctl("dump-meter", "meter=1"), head + "meter=1 pktps bands=\ntype=drop rate=5\n")
        self.ofctl("del-meter", "meter=1")
        self.assertEqual(self.flows(), [])
        self.ofctl("del-meters")
        self.assertEqual(self.ofctl("dump-meters"), head)

    def test_flows(self):
        self.ofctl("add-flow", "table=1,cookie=0x5,priority=7,tcp,nw_dst=10.0.0.0/8,tp_dst=80,idle_timeout=9,send_flow_rem,"
                               "actions=set_field:02:00:00:00:00:01->eth_dst,output:22")
        self.ofctl("add-flow", "priority=3,in_port=11,dl_vlan=10,actions=pop_vlan,goto_table:1")
        self.ofctl("add-flows", "-", stdin="priority=0,actions=CONTROLLER:65535\npriority=4,ip6,actions=write_actions(output:33)\n# none\n")
        every = ["cookie=0x5, table=1, idle_timeout=9, send_flow_rem priority=7,tcp,nw_dst=10.0.0.0/8,tp_dst=80 "
                 "actions=set_field:02:00:00:00:00:01->eth_dst,output:22", "priority=0 actions=CONTROLLER:65535",
                 "priority=3,in_port=11,dl_vlan=10 actions=pop_vlan,goto_table:1", "priority=4,ipv6 actions=write_actions(output:33)"]
        self.assertEqual(self.flows(), every)
        self.assertEqual(self.flows("table=1"), every[:1])
        self.assertEqual(self.flows("cookie=0x5/-1"), every[:1])
        self.assertEqual(self.flows("out_port=22"), every[:1])
        self.assertEqual(self.flows("table=0,in_port=11"), every[2:3])
        self.assertEqual(self.ofctl("dump-flows", "table=1"),
                         "OFPST_FLOW reply (OF1.3) ():\n cookie=0x5, , table=1, n_packets=0, n_bytes=0, idle_timeout=9, send_flow_rem priority=7,tcp,"
                         "nw_dst=10.0.0.0/8,tp_dst=80 actions=set_field:02:00:00:00:00:01->eth_dst,output:22\n")
        self.assertEqual(self.ofctl("dump-aggregate"), "OFPST_AGGREGATE reply (OF1.3) (): packet_count=0 byte_count=0 flow_count=4\n")
        self.ofctl("mod-flows", "ip6,actions=output:22")
        self.ofctl("mod-flows", "priority=0,actions=drop", options=("--strict",))
        self.ofctl("mod-flows", "priority=1,actions=output:44", options=("--strict",))
        self.assertEqual(self.flows("table=0"), ["priority=0 actions=drop", every[2], "priority=4,ipv6 actions=output:22"])
        self.ofctl("del-flows", "priority=3", options=("--strict",))
        self.ofctl("del-flows", "in_port=11")
        self.assertEqual(self.flows("table=0"), ["priority=0 actions=drop", "priority=4,ipv6 actions=output:22"])
        self.ofctl("replace-flows", "-", stdin="table=9,priority=9,udp,actions=drop\n")
        self.assertEqual(self.flows(), ["table=9, priority=9,udp actions=drop"])
        file = os.path.join(self.sw.dir, "flows")
        with open(file, "w", encoding="utf-8") as f:
            f.write("table=8,actions=drop\n")
        done = self.raw("diff-flows", file)
        self.assertEqual((done.returncode, done.stdout.replace("  ", " ")), (2, "+table=8 actions=drop\n-table=9 priority=9,udp actions=drop\n"))
        self.ofctl("del-flows")
        self.assertEqual(self.flows(), [])

    def test_many_flows(self):
        n = 3000
        self.ofctl("add-flows", "-", stdin="".join(f"priority={1 + i % 100},tcp,nw_src=10.0.{i >> 8}.{i & 255},actions=output:22\n" for i in range(n)))
        self.assertEqual(len(self.flows()), n)

    def test_errors(self):
        self.fails("OFPBAC_BAD_OUT_GROUP", "add-flow", "actions=group:7")
        self.fails("OFPFMFC_BAD_TABLE_ID", "add-flow", "table=254,actions=drop")
        self.ofctl("add-flow", "priority=5,in_port=11,actions=drop")
        self.fails("OFPFMFC_OVERLAP", "add-flow", "check_overlap,priority=5,actions=drop")
        self.assertIn("OFPT_ERROR (OF1.3) (): OFPBRC_BAD_TABLE_ID", self.ofctl("dump-flows", "table=254"))
        self.assertEqual(self.flows(), ["priority=5,in_port=11 actions=drop"])

    def test_statistics(self):
        self.ofctl("add-flow", "in_port=11,actions=output:22")
        self.sw.give("p1", bytes.fromhex(FRAME))
        self.sw.take_some("p2", 1)
        self.assertIn("n_packets=1, n_bytes=60, in_port=11", self.ofctl("dump-flows", options=("--no-names",)).replace(" actions", ""))
        text = self.ofctl("dump-ports", "11")
        self.assertRegex(text, r"^OFPST_PORT reply \(OF1.3\) \(\): 1 ports\n  port 11: rx pkts=\d+, bytes=\d+, drop=0, errs=0, frame=0, over=0, crc=0\n"
                               r"           tx pkts=\d+, bytes=\d+, drop=0, errs=0, coll=0\n           \n$")
        self.assertEqual(self.ofctl("dump-ports").count("rx pkts="), 3)
        self.assertIn("OFPT_ERROR (OF1.3) (): OFPBRC_BAD_PORT", self.ofctl("dump-ports", "44"))
        self.assertRegex(self.ofctl("dump-tables"), r"^OFPST_TABLE reply \(OF1.3\) \(\):\n  table 0:\n    active=1, lookup=\d+, matched=\d+\n")
        self.assertIn('  table 0 ("table0"):\n    metadata: match=0xffffffffffffffff write=0xffffffffffffffff\n    max_entries=4000000\n',
                      self.ofctl("dump-table-features"))
        self.assertEqual(self.ofctl("queue-stats"), "OFPST_QUEUE reply (OF1.3) (): 0 queues\n")

    def test_packet_out(self):
        for actions, want in (("output:22", ["p2"]), ("all", ["p1", "p2", "p3"]), ("output:22,output:33", ["p2", "p3"]), ("drop", [])):
            self.ofctl("packet-out", f"in_port=controller,packet={FRAME},actions={actions}")
            for name in self.PORTS:
                self.assertEqual([x.hex() for x in self.sw.take_some(name, name in want)], [FRAME] * (name in want), (actions, name))
        self.ofctl("packet-out", f"in_port=11,packet={FRAME},actions=in_port")
        self.sw.take_some("p1", 1)
        self.ofctl("add-flow", "in_port=11,actions=output:33")
        self.ofctl("packet-out", f"in_port=11,packet={FRAME},actions=table")
        self.sw.take_some("p3", 1)

    def test_ports(self):
        for word, bit in (("down", "PORT_DOWN"), ("no-receive", "NO_RECV"), ("no-forward", "NO_FWD"), ("no-packet-in", "NO_PACKET_IN")):
            self.ofctl("mod-port", "22", word)
            self.assertIn(f" 22(p2): addr:{self.mac['p2']}\n     config:     {bit}\n", self.ofctl("dump-ports-desc"))
            self.ofctl("mod-port", "p2", "up" if word == "down" else word.replace("no-", ""))
            self.assertNotIn(bit, self.ofctl("dump-ports-desc"))
        self.fails("couldn't find port `44'", "mod-port", "44", "down")

    def test_alive(self):
        self.assertEqual(self.ofctl("probe"), "")
        done = self.raw("ping")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout.count("64 bytes from"), 10)
        self.fails("", "probe", version="OpenFlow10")

    def test_monitor(self):
        self.ofctl("add-flow", "cookie=0x9,in_port=11,send_flow_rem,actions=CONTROLLER:65535")
        with Monitor(self.sw) as m:
            def is_listening():
                self.sw.give("p1", bytes.fromhex(FRAME))
                return m.has_heard("NXT_PACKET_IN2 (OF1.3)")
            until(is_listening, "the monitor hears no packet-in")
            m.says("cookie=0x9 total_len=60 in_port=11 (via action) data_len=60 (unbuffered)")
            m.says("dl_src=02:00:00:00:00:ab,dl_dst=ff:ff:ff:ff:ff:ff,dl_type=0x88b5")
            self.ofctl("del-flows", "in_port=11")
            m.says("OFPT_FLOW_REMOVED (OF1.3)")
            m.says("in_port=11 reason=delete table_id=0 cookie:0x9 ")
            self.ofctl("mod-port", "22", "no-forward")
            m.says("OFPT_PORT_STATUS (OF1.3) (xid=0x0): MOD: 22(p2): addr:" + self.mac["p2"])
            self.ofctl("mod-port", "22", "forward")

    def test_flow_monitor(self):
        """monitor watch:... says what changes, word for word as it says it of Open vSwitch."""
        self.ofctl("add-flow", "priority=5,in_port=11,ip,nw_src=10.0.0.0/8,actions=output:22,goto_table:3")
        self.ofctl("add-flow", "table=3,cookie=0x77,idle_timeout=500,hard_timeout=777,actions=write_actions(output:11)")
        env = dict(os.environ, OVS_RUNDIR=self.sw.dir)
        control = os.path.join(self.sw.dir, "ofctl.ctl")
        filtered = "watch:table=7,out_port=33,!initial,!add,!delete,!actions,udp"
        update, heard = "ONFST_FLOW_MONITOR reply (OF1.3) ():", []

        def read(pipe):
            heard.extend(TIMES.sub("", line).strip() for line in iter(pipe.readline, "") if "ECHO_REQUEST" not in line)

        def says(*lines):
            until(lambda: len(heard) >= len(lines), f"{lines} do not come, but {heard}")
            self.assertEqual(tuple(heard), lines)
            heard.clear()
        with subprocess.Popen(["ovs-ofctl", "-O", "OpenFlow13", "--no-names", "--unixctl=" + control, "monitor", self.sw.mgmt, filtered, "watch:!own"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env) as monitor:
            reader = threading.Thread(target=read, args=(monitor.stdout,))
            reader.start()
            try:
                says(update, update, "event=ADDED table=0 cookie=0 ip,in_port=11,nw_src=10.0.0.0/8 actions=output:22,goto_table:3",
                     "event=ADDED table=3 idle_timeout=500 hard_timeout=777 cookie=0x77 actions=write_actions(output:11)")
                self.ofctl("add-flow", "table=7,priority=9,udp,actions=output:11,goto_table:9")
                says(update, "event=ADDED table=7 cookie=0 udp actions=output:11,goto_table:9")
                self.ofctl("add-flow", "table=7,priority=9,udp,cookie=3,actions=output:33")
                says(update, "event=ADDED table=7 cookie=0x3 udp actions=output:33")
                self.ofctl("mod-flows", "table=7,actions=output:22")
                says(update, "event=MODIFIED table=7 cookie=0x3 udp actions=output:22")
                self.ofctl("del-flows", "table=7")
                says(update, "event=DELETED reason=delete table=7 cookie=0x3 udp actions=output:22")
                self.ofctl("bundle", "-", stdin="flow add table=8,priority=3,actions=drop\nflow delete table=8\n")
                says(update, "event=ADDED table=8 cookie=0", "event=DELETED reason=delete table=8 cookie=0")
                own = wire.flow_mod(table=7, priority=2)
                subprocess.run(["ovs-appctl", "-t", control, "ofctl/send", own[:4].hex() + "00000abc" + own[8:].hex()], env=env, check=True,
                               capture_output=True, timeout=PATIENCE)
                says("send: OFPT_FLOW_MOD (OF1.3) (): ADD table:7 priority=2 actions=drop", update, "event=ABBREV")
            finally:
                monitor.send_signal(signal.SIGTERM)
                monitor.wait(PATIENCE)
                reader.join(PATIENCE)


if __name__ == "__main__":
    run_if_there()
