# SPDX-License-Identifier: Apache-2.0
"""The switches that are compared: each connects two hosts (namespaces a and b) by one bridge that learns addresses."""
import os

from system import ROOT, run, wait_for

ADDRESS = {"a": "10.96.0.1", "b": "10.96.0.2"}


def host_device(scope, host, device, is_offloaded):
    """Gives the host's interface its address; without offloads when the switch cannot carry them."""
    netns = scope.tag + host
    if not is_offloaded:
        run("ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off", netns=netns, check=False)
    if ADDRESS[host] not in run("ip", "-n", netns, "addr", "show", "dev", device):
        run("ip", "-n", netns, "addr", "add", ADDRESS[host] + "/24", "dev", device)
    run("ip", "-n", netns, "link", "set", device, "up")


def veth_pairs(scope, is_offloaded):
    """One pair a host; the switch's ends are va and vb in its namespace."""
    for host in "ab":
        run("ip", "-n", scope.tag + "s", "link", "add", "v" + host, "type", "veth", "peer", "name", "eth0", "netns",
            scope.tag + host)
        run("ip", "-n", scope.tag + "s", "link", "set", "v" + host, "up")
        host_device(scope, host, "eth0", is_offloaded)


class Trama:
    """trama-switchd with one worker, a rule NORMAL, offloads as they are."""

    def __init__(self, scope, kind, build):
        self.pid = None
        if kind == "netdev":
            veth_pairs(scope, True)
        conf = os.path.join(scope.dir, "switch.yaml")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"run_dir: {scope.dir}\ndpdk: {{hugepages: off}}\nbridges:\n  br0:\n    datapath_id: 1\n    ports:\n")
            for n, host in enumerate("ab", 1):
                f.write(f"      tb{host}{os.getpid()}: {{type: tap, netns: {scope.tag + host}, ofport: {n}, "
                        f"address: {ADDRESS[host]}/24}}\n" if kind == "tap" else
                        f"      v{host}: {{type: netdev, ofport: {n}}}\n")
        binary = os.path.join(ROOT, build, "vswitch", "trama-switchd")
        process = scope.start(binary, "-c", conf, netns=scope.tag + "s")
        wait_for("trama-switchd", lambda: os.path.exists(f"{scope.dir}/br0.mgmt") or process.poll() is not None)
        self.pid = process.pid
        run("ovs-ofctl", "-O", "OpenFlow13", "add-flow", f"{scope.dir}/br0.mgmt", "actions=NORMAL")


class Ovs:
    """Open vSwitch's userspace datapath, without DPDK, NORMAL.  It carries TCP only when its hosts sum themselves."""

    def __init__(self, scope, kind, build):
        self.env = {"OVS_RUNDIR": scope.dir, "OVS_LOGDIR": scope.dir, "OVS_DBDIR": scope.dir}
        db = f"unix:{scope.dir}/db.sock"
        if kind == "netdev":
            veth_pairs(scope, False)
        run("ovsdb-tool", "create", f"{scope.dir}/conf.db", "/usr/share/openvswitch/vswitch.ovsschema")
        scope.start("ovsdb-server", f"{scope.dir}/conf.db", f"--remote=p{db}", netns=scope.tag + "s", env=self.env)
        wait_for("ovsdb-server", lambda: os.path.exists(f"{scope.dir}/db.sock"))
        run("ovs-vsctl", "--retry", "--timeout=20", f"--db={db}", "--no-wait", "init")
        self.pid = scope.start("/usr/lib/openvswitch-switch/ovs-vswitchd" if
                               os.path.exists("/usr/lib/openvswitch-switch/ovs-vswitchd") else "ovs-vswitchd", db,
                               netns=scope.tag + "s", env=self.env).pid
        run("ovs-vsctl", f"--db={db}", "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
        for host in "ab":
            port = (f"tb{host}{os.getpid()}" if kind == "tap" else "v" + host)
            run("ovs-vsctl", f"--db={db}", "add-port", "br0", port, "--", "set", "interface", port,
                "type=" + ("tap" if kind == "tap" else '""'))
            if kind == "tap":
                run("ip", "-n", scope.tag + "s", "link", "set", port, "netns", scope.tag + host)
                host_device(scope, host, port, False)


class LinuxBridge:
    """The kernel's own bridge on veth pairs: no switch outside of the kernel can be much faster."""

    def __init__(self, scope, kind, build):
        self.pid = None
        veth_pairs(scope, True)
        run("ip", "-n", scope.tag + "s", "link", "add", "br0", "type", "bridge")
        for device in ("va", "vb"):
            run("ip", "-n", scope.tag + "s", "link", "set", device, "master", "br0")
        run("ip", "-n", scope.tag + "s", "link", "set", "br0", "up")
