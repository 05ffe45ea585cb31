# SPDX-License-Identifier: Apache-2.0
"""Debian's ovs-ofctl, as a test asks it: commands on the management socket, and a monitor that listens there."""
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

from support.switch import PATIENCE, SwitchTest, run, until

TIMES = re.compile(r"duration[=:][0-9.]+s|time=[0-9.]+ ms|xid=0x[0-9a-f]+")


class OfctlTest(SwitchTest):
    def raw(self, command, *args, options=(), stdin=None, version="OpenFlow13"):
        return subprocess.run(["ovs-ofctl", "-O", version, "-vconsole:err", *options, command, "unix:" + self.sw.mgmt, *args], capture_output=True, text=True,
                              timeout=PATIENCE * 3, input=stdin)

    def ofctl(self, command, *args, **more):
        """What it says, without times and transaction ids."""
        done = self.raw(command, *args, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), (command, args))
        return TIMES.sub("", done.stdout)

    def fails(self, why, command, *args, **more):
        done = self.raw(command, *args, **more)
        self.assertNotEqual(done.returncode, 0, (command, args))
        self.assertIn(why, done.stderr)

    def flows(self, *args):
        text = self.ofctl("dump-flows", *args, options=("--no-stats", "--no-names"))
        return sorted(line.strip() for line in text.splitlines())


class Monitor:
    """with Monitor(sw, "resume") as m: ...   What it hears it says on stderr."""

    def __init__(self, sw, *args):
        # its own directory, so that it asks for no other
        self.process = subprocess.Popen(["ovs-ofctl", "-O", "OpenFlow13", "monitor", sw.mgmt, "65534", *args], stderr=subprocess.PIPE, text=True,
                                        env=dict(os.environ, OVS_RUNDIR=sw.dir))
        self.heard = []
        self.reader = threading.Thread(target=lambda: self.heard.extend(iter(self.process.stderr.readline, "")))
        self.reader.start()

    def has_heard(self, text):
        return any(text in line for line in list(self.heard))

    def says(self, text):
        until(lambda: self.has_heard(text), f"the monitor does not hear: {text}; but {self.heard}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.process.stderr.close()


def run_if_there():
    """Exit 77: there is no ovs-ofctl."""
    if not shutil.which("ovs-ofctl"):
        print("skipped: needs ovs-ofctl")
        sys.exit(77)
    run()
