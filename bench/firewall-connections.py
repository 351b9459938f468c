"""Opens and closes TCP connections, one after the other, and prints the CPU nanoseconds that each took.

Reads `source port` per line; argv: client namespace, server namespace, server address. Both ends are this one process,
which makes its sockets in two namespaces, so its CPU time is the cost of the whole way: both ends and the router between.
"""

import ctypes
import resource
import socket
import sys
import time

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def enter(name):
    with open(f"/run/netns/{name}") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def main():
    client, server, address = sys.argv[1:]
    ways = [(source, int(port)) for source, port in (line.split() for line in sys.stdin)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    enter(server)
    listeners = {}
    for port in sorted({port for _, port in ways}):
        it = socket.socket()
        it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        it.bind((address, port))
        it.listen(8)
        listeners[port] = it
    enter(client)
    began = time.process_time_ns()
    for source, port in ways:
        near = socket.socket()
        near.settimeout(2)
        near.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        near.bind((source, 0))
        near.connect((address, port))
        far, _ = listeners[port].accept()
        near.close()
        far.close()
    print((time.process_time_ns() - began) / len(ways))


main()
