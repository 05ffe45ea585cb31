# SPDX-License-Identifier: Apache-2.0
"""An os-ken application for chaos.py: adds one flow after another and writes down which the switch has taken.
CHAOS_LOG names the file, CHAOS_LIFE numbers this life of it."""
import json
import os
import time

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib import hub
from os_ken.ofproto import ofproto_v1_3

TABLE, FLOWS, PAUSE = 120, 150, 0.02


class Adds(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.life, self.n, self.codes = int(os.environ["CHAOS_LIFE"]), 0, []
        self.log = os.open(os.environ["CHAOS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, **what):
        os.write(self.log, (json.dumps({"life": self.life, "t": time.monotonic(), **what}) + "\n").encode())

    def step(self, dp):
        """The next flow, and a barrier behind it."""
        parser, self.n = dp.ofproto_parser, self.n + 1
        priority = 1 + self.n % FLOWS
        self.codes = [None]
        self.write(say="flows", mods=[["add", priority, self.n]])
        dp.send_msg(parser.OFPFlowMod(datapath=dp, table_id=TABLE, priority=priority, cookie=self.n, match=parser.OFPMatch(eth_src=self.life)))
        dp.send_msg(parser.OFPBarrierRequest(dp))

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def on_switch(self, ev):
        hub.spawn_after(0.1, self.step, ev.msg.datapath)

    @set_ev_cls(ofp_event.EventOFPErrorMsg, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def on_error(self, ev):
        self.codes = [[ev.msg.type, ev.msg.code]]

    @set_ev_cls(ofp_event.EventOFPBarrierReply, MAIN_DISPATCHER)
    def on_barrier(self, ev):
        self.write(heard="flows", codes=self.codes)
        hub.spawn_after(PAUSE, self.step, ev.msg.datapath)
