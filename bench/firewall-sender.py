"""Sends each packet of a list once, as fast as it can, and prints the CPU nanoseconds that each took.

Reads `source destination protocol sport dport` per line. The packets cross the router in this process's own context
(veth hands them over at once), so its CPU time is the cost of the whole way and resists what else the machine does.
"""

import ctypes
import socket
import struct
import sys
import time

sys.path.insert(0, sys.argv[1])
from probe_packets import body  # noqa: E402


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("namelen", ctypes.c_uint32), ("iov", ctypes.POINTER(Iovec)),
                ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("hdr", Msghdr), ("len", ctypes.c_uint)]


def main():
    lines = [line.split() for line in sys.stdin]
    vectors = (Iovec * len(lines))()
    messages = (Mmsghdr * len(lines))()
    keep = []
    for at, (source, destination, protocol, sport, dport) in enumerate(lines):
        payload = body(at, source, destination, int(protocol), int(sport), int(dport))
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, int(protocol), 0)
        packet = head + socket.inet_aton(source) + socket.inet_aton(destination) + payload
        name = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", 0, socket.inet_aton(destination))
        keep += [packet, name]
        vectors[at] = Iovec(packet, len(packet))
        messages[at].hdr = Msghdr(name, 16, ctypes.pointer(vectors[at]), 1, None, 0, 0)
    out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    out.setsockopt(socket.SOL_SOCKET, 32, 1 << 24)  # SO_SNDBUFFORCE
    libc = ctypes.CDLL(None, use_errno=True)
    size = ctypes.sizeof(Mmsghdr)
    began = time.thread_time_ns()
    done = 0
    while done < len(lines):
        sent = libc.sendmmsg(out.fileno(), ctypes.byref(messages, done * size), min(512, len(lines) - done), 0)
        if sent <= 0:
            raise OSError(ctypes.get_errno(), "sendmmsg")
        done += sent
    print((time.thread_time_ns() - began) / len(lines))


main()
