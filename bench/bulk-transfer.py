"""Sends over some TCP connections at once for a while and prints the bytes a second that came through.

argv: client namespace, server namespace, server address, seconds; reads `source port` per line, a connection each. Every
end is a process of its own. The receiver throws the bytes away in the kernel, so that the way to it is what is measured.
"""

import ctypes
import os
import signal
import socket
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def enter(name):
    with open(f"/run/netns/{name}") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def connections(client, server, address, ways):
    enter(server)
    listeners = {}
    for port in sorted({port for _, port in ways}):
        listeners[port] = socket.create_server((address, port), backlog=8)
    enter(client)
    for source, port in ways:
        near = socket.socket()
        near.settimeout(5)
        near.bind((source, 0))
        near.connect((address, port))
        near.settimeout(None)
        yield near, listeners[port].accept()[0]


def receive(far, seconds, out):
    block = bytearray(1 << 20)
    taken, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        taken += far.recv_into(block, len(block), socket.MSG_TRUNC)
    os.write(out, struct.pack("d", taken / (time.monotonic() - began)))


def send(near):
    block = bytes(1 << 18)
    while True:
        near.sendall(block)


def child(run):
    pid = os.fork()
    if pid == 0:
        try:
            run()
        finally:
            os._exit(0)
    return pid


def main():
    client, server, address, seconds = sys.argv[1:]
    ways = [(source, int(port)) for source, port in (line.split() for line in sys.stdin)]
    pairs = list(connections(client, server, address, ways))
    source, sink = os.pipe()
    senders = [child(lambda near=near: send(near)) for near, _ in pairs]
    receivers = [child(lambda far=far: receive(far, float(seconds), sink)) for _, far in pairs]
    for it in receivers:
        os.waitpid(it, 0)
    for it in senders:
        os.kill(it, signal.SIGKILL)
        os.waitpid(it, 0)
    os.close(sink)
    said = os.read(source, 8 * len(pairs))
    if len(said) < 8 * len(pairs):
        raise SystemExit("a connection broke")
    print(sum(struct.unpack(f"{len(pairs)}d", said)))


main()
