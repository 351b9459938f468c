"""Packets by hand, for the probes of tests and measurements."""

import socket
import struct


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def body(tag, source, destination, protocol, sport, dport):
    mark = b"VBT!" + struct.pack("!I", tag)
    if protocol == 1:
        def echo(check):
            return struct.pack("!BBHHH", 8, 0, check, sport, 1) + mark
        return echo(checksum(echo(0)))
    pseudo = socket.inet_aton(source) + socket.inet_aton(destination)
    if protocol == 17:
        return struct.pack("!HHHH", sport, dport, 8 + len(mark), 0) + mark
    if protocol == 6:
        def syn(check):
            return struct.pack("!HHIIBBHHH", sport, dport, tag, 0, 5 << 4, 2, 8192, check, 0) + mark
        return syn(checksum(pseudo + struct.pack("!BBH", 0, 6, 20 + len(mark)) + syn(0)))
    return mark
