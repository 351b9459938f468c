"""Sends UDP packets at a steady pace through the router and prints how many were sent, and the seconds that it took.

argv: destination, port, packets a second, seconds, senders: that many addresses from 16.0.0.1 on take turns.
"""

import socket
import struct
import sys
import time

SLICE = 0.005


def packet(sender, destination, sport, dport):
    source = struct.pack("!I", (16 << 24) + 1 + sender)
    payload = b"x" * 32
    udp = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0)
    return head + source + socket.inet_aton(destination) + udp


def main():
    destination, port, rate, seconds, senders = sys.argv[1], *map(int, sys.argv[2:6])
    packets = [packet(at % senders, destination, 1024 + at % 60_000, port) for at in range(max(senders, 4096))]
    out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    out.setsockopt(socket.SOL_SOCKET, 32, 1 << 24)  # SO_SNDBUFFORCE
    began = time.monotonic()
    sent, total = 0, rate * seconds
    # Never faster than the pace, and over after twice the time even where the machine cannot keep it.
    while sent < total and time.monotonic() - began < 2 * seconds:
        due = min(total, int((time.monotonic() - began + SLICE) * rate))
        for at in range(sent, due):
            out.sendto(packets[at % len(packets)], (destination, 0))
        sent = max(sent, due)
        time.sleep(max(0.0, began + sent / rate - time.monotonic()))
    print(sent, time.monotonic() - began)


main()
