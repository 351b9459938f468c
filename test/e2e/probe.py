"""Sends made-up packets and tells which of them arrived. For tests, inside namespaces of their own.

send:    reads `tag source destination protocol sport dport` per line, sends each packet once, with the tag as payload.
receive: prints `ready`, collects tags of packets that come in, prints them all once its standard input ends.
serve:   answers TCP connections to a port with what they say, until its standard input ends;
         with `chatty` it also says something by itself all the time, with `named` it says who they are.
proxy:   takes over TCP connections at a port of 127.0.0.1 and answers with where they wanted to go.
dial:    connects to an address and port from its standard input, prints `open`, `refused`, `unreachable` or `silence`.
talk:    connects to an address and port, says each line that it reads and prints the answer, or `silence` after 1 s.
"""

import socket
import struct
import sys
import time

from probe_packets import body


def send():
    out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    for number, line in enumerate(sys.stdin):
        tag, source, destination, protocol, sport, dport = line.split()
        payload = body(int(tag), source, destination, int(protocol), int(sport), int(dport))
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, int(protocol), 0)
        packet = head + socket.inet_aton(source) + socket.inet_aton(destination) + payload
        out.sendto(packet, (destination, 0))
        if number % 50 == 49:
            time.sleep(0.005)


def receive():
    taps = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    taps.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
    taps.settimeout(0.1)
    import select
    seen = []
    print("ready", flush=True)
    ending = False
    while True:
        if not ending and select.select([sys.stdin], [], [], 0)[0]:
            ending = True
        try:
            packet, where = taps.recvfrom(65535)
        except socket.timeout:
            if ending:
                break
            continue
        if where[2] == 4:  # PACKET_OUTGOING: one that this host sends
            continue
        # An ICMP error quotes what it answers; it is no arrival.
        if packet[9] == 1 and packet[(packet[0] & 15) * 4] != 8:
            continue
        at = packet.find(b"VBT!")
        if at >= 0:
            seen.append(struct.unpack("!I", packet[at + 4:at + 8])[0])
    print(" ".join(map(str, seen)))


def serve():
    import threading
    server = socket.create_server(("0.0.0.0", int(sys.argv[2])))

    def echo(peer):
        while data := peer.recv(4096):
            peer.sendall(data)

    def chat(peer):
        while True:
            peer.sendall(b".")
            time.sleep(0.05)

    def name(peer):
        while peer.recv(4096):
            peer.sendall(peer.getpeername()[0].encode())

    answer = chat if "chatty" in sys.argv else name if "named" in sys.argv else echo

    def accept():
        while True:
            threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


def talk():
    peer = socket.create_connection((sys.argv[2], int(sys.argv[3])), 5)
    peer.settimeout(1)
    print("ready", flush=True)
    for line in sys.stdin:
        peer.sendall(line.encode())
        try:
            print(peer.recv(4096).decode().strip(), flush=True)
        except OSError:
            print("silence", flush=True)


def proxy():
    import threading
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
    server.bind(("127.0.0.1", int(sys.argv[2])))
    server.listen()

    def take(peer):
        while peer.recv(4096):
            peer.sendall(("%s:%d" % peer.getsockname()).encode())

    def accept():
        while True:
            threading.Thread(target=take, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


def dial():
    import errno
    print("ready", flush=True)
    for line in sys.stdin:
        address, port = line.split()
        try:
            socket.create_connection((address, int(port)), 1).close()
            print("open", flush=True)
        except ConnectionRefusedError:
            print("refused", flush=True)
        except OSError as error:
            print("silence" if error.errno in (None, errno.ETIMEDOUT) else "unreachable", flush=True)


{"proxy": proxy, "dial": dial, "send": send, "receive": receive, "serve": serve, "talk": talk}[sys.argv[1]]()
