# SPDX-License-Identifier: Apache-2.0
"""An OpenFlow 1.3 switch that forwards nothing: it answers what the controller asks, keeps the flows that it is told, and
misbehaves where a test says so."""
import socket
import struct
import threading

from rig import (BARRIER_REPLY, BARRIER_REQUEST, ECHO_REPLY, ECHO_REQUEST, ERROR, FEATURES_REPLY, FEATURES_REQUEST, FLOW_MOD, HELLO,
                 MULTIPART_REPLY, MULTIPART_REQUEST, PACKET_IN)

EXPERIMENTER = 4
ADD, MODIFY_STRICT, DELETE_STRICT = 0, 2, 4
FLOW, PORT_DESC = 1, 13


def message(kind, xid, body=b""):
    return struct.pack("!BBHI", 4, kind, 8 + len(body), xid) + body


def padded(n):
    return (n + 7) // 8 * 8


class FakeSwitch:
    """`path`: of the controller's socket, or a socket that is connected.  `ports`: names, numbered from 1.  `habits`: words
    that say how it misbehaves."""

    def __init__(self, path, datapath_id, ports=(), habits=()):
        self.path, self.datapath_id, self.ports, self.habits = path, datapath_id, ports, set(habits)
        self.flows = {}
        self.n_flow_mods = 0
        self.is_ended = False
        self.lock = threading.Lock()  # a message goes out whole
        if isinstance(path, socket.socket):
            self.socket = path
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(path)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def send(self, kind, xid, body=b""):
        with self.lock:
            self.socket.sendall(message(kind, xid, body))

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join()
        self.socket.close()

    def serve(self):
        rest = b""
        try:
            self.send(HELLO, 1)
            while data := self.socket.recv(1 << 16):
                rest += data
                at = 0
                while len(rest) - at >= 8 and len(rest) - at >= (size := struct.unpack_from("!H", rest, at + 2)[0]):
                    self.answer(rest[at + 1], struct.unpack_from("!I", rest, at + 4)[0], rest[at + 8:at + size])
                    at += size
                rest = rest[at:]
        except OSError:
            pass
        self.is_ended = True

    def answer(self, kind, xid, body):
        if kind == ECHO_REQUEST:
            self.send(ECHO_REPLY, xid, body)
        elif kind == FEATURES_REQUEST:
            self.send(FEATURES_REPLY, xid, struct.pack("!QIBBHII", self.datapath_id, 0, 254, 0, 0, 0x4F, 0))
        elif kind == BARRIER_REQUEST and "no barrier" not in self.habits:
            self.send(BARRIER_REPLY, xid)
        elif kind == EXPERIMENTER:
            self.send(ERROR, xid, struct.pack("!HH", 1, 3) + message(kind, xid, body)[:64])  # bad experimenter
        elif kind == FLOW_MOD:
            self.flow_mod(body)
        elif kind == MULTIPART_REQUEST:
            self.multipart(struct.unpack_from("!H", body)[0], xid)

    def flow_mod(self, body):
        cookie, _, table, command, idle, hard, priority = struct.unpack_from("!QQBBHHH", body)
        flags = struct.unpack_from("!H", body, 36)[0]
        match_size = padded(struct.unpack_from("!H", body, 42)[0])
        match, instructions = body[40:40 + match_size], body[40 + match_size:]
        self.n_flow_mods += 1
        if command == DELETE_STRICT:
            self.flows.pop((table, priority, match), None)
        else:
            self.flows[table, priority, match] = (cookie, idle, hard, flags, instructions)

    def multipart(self, kind, xid):
        parts = []
        if kind == PORT_DESC:
            parts = [struct.pack("!I4x6s2x16sIIIIIIII", i + 1, bytes([2, 0, 0, 0, 0, i + 1]), name.encode(),
                                 0, 0, 0, 0, 0, 0, 0, 0) for i, name in enumerate(self.ports)]
        elif kind == FLOW:
            for (table, priority, match), (cookie, idle, hard, flags, instructions) in self.flows.items():
                parts.append(struct.pack("!HBxIIHHHH4xQQQ", 48 + len(match) + len(instructions), table, 1, 0, priority,
                                         idle, hard, flags, cookie, 0, 0) + match + instructions)
        if kind == FLOW and "cut off" in self.habits:
            whole = message(MULTIPART_REPLY, xid, struct.pack("!HH4x", FLOW, 1) + b"".join(parts))
            self.socket.sendall(whole + whole[:12])
            self.socket.shutdown(socket.SHUT_RDWR)
            return
        if kind == FLOW and "no flows" in self.habits:
            return
        room = 60000
        while True:
            body = b""
            while parts and len(body) + len(parts[0]) < room:
                body += parts.pop(0)
            self.send(MULTIPART_REPLY, xid, struct.pack("!HH4x", kind, 1 if parts else 0) + body)
            if not parts:
                return

    def packet_ins(self, cookie, in_port, frames):
        """Frames shown to the controller, as fast as it takes them."""
        match = struct.pack("!HHII4x", 1, 12, 0x80000004, in_port)
        data = b"".join(message(PACKET_IN, 0, struct.pack("!IHBBQ", 0xFFFFFFFF, len(frame), 1, 1, cookie) + match + b"\0\0" +
                                frame) for frame in frames)
        with self.lock:
            self.socket.sendall(data)
