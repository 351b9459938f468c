"""Echo servers and flows of the cluster lab: `serve PORT`, or `flow ADDRESS PORT`, which reports on every line that it reads."""
import json, os, select, socket, sys, time

def serve(port):
    tcp = socket.socket(); tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind(('', port)); tcp.listen(16)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(('', port))
    print('ready', flush=True)
    open_ones = []
    while True:
        for it in select.select([tcp, udp, *open_ones], [], [])[0]:
            try:
                if it is tcp: open_ones.append(it.accept()[0])
                elif it is udp:
                    data, peer = udp.recvfrom(99); udp.sendto(data, peer)
                else:
                    data = it.recv(65536)
                    if data: it.sendall(data)
                    else: open_ones.remove(it); it.close()
            except OSError:
                if it in open_ones: open_ones.remove(it); it.close()

class Flow:
    def __init__(self, address, port):
        self.at = (address, port)
        self.tcp = None
        self.opened = self.deaths = 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); self.udp.connect(self.at); self.udp.setblocking(False)
        self.connect()
        self.mark()

    def connect(self):
        self.tcp = None
        try:
            s = socket.create_connection(self.at, 1)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.setsockopt(socket.IPPROTO_TCP, 18, 20000)
            s.setblocking(False)
            self.tcp = s; self.opened = time.monotonic(); self.got = self.opened
        except OSError: pass

    def mark(self):
        now = time.monotonic()
        self.since = now; self.last_tcp = self.last_udp = now
        self.gap_tcp = self.gap_udp = 0; self.echoes = 0; self.deaths = 0; self.sent = self.came = 0

    def report(self):
        now = time.monotonic()
        gap = lambda longest, last: round(1000 * max(longest, now - last))
        print(json.dumps(dict(deaths=self.deaths, alive=self.tcp is not None and now - self.last_tcp < 1, tcpGap=gap(self.gap_tcp, self.last_tcp),
            gap=gap(self.gap_udp, self.last_udp), echoes=self.echoes, lost=self.sent - self.came)), flush=True)
        self.mark()

    def send(self):
        try: self.udp.send(b'u'); 
        except OSError: pass
        self.sent += 1
        if self.tcp is None:
            if time.monotonic() - self.opened > 1: self.opened = time.monotonic(); self.connect()
            return
        try: self.tcp.send(b't' * 200)
        except BlockingIOError: pass
        except OSError: self.dead()

    def dead(self):
        self.deaths += 1; self.tcp.close(); self.tcp = None; self.opened = time.monotonic()

    def receive(self, it):
        now = time.monotonic()
        try:
            if it is self.udp:
                it.recv(99); self.gap_udp = max(self.gap_udp, now - self.last_udp); self.last_udp = now; self.came += 1
            elif self.tcp is not None:
                if not it.recv(65536): return self.dead()
                self.gap_tcp = max(self.gap_tcp, now - self.last_tcp); self.last_tcp = now; self.echoes += 1
        except BlockingIOError: pass
        except OSError:
            if it is not self.udp: self.dead()

def flow(address, port):
    it = Flow(address, port); due = time.monotonic()
    print('ready', flush=True)
    while True:
        now = time.monotonic()
        if now >= due: it.send(); due = now + 0.005
        places = [sys.stdin, it.udp] + ([it.tcp] if it.tcp else [])
        for ready in select.select(places, [], [], max(0, due - now))[0]:
            if ready is sys.stdin:
                # Not `readline`: what it has read ahead, no select would tell of.
                text = os.read(0, 4096).decode()
                if not text: return
                for word in text.split(): it.mark() if word == 'mark' else it.report()
            else: it.receive(ready)

serve(int(sys.argv[2])) if sys.argv[1] == 'serve' else flow(sys.argv[2], int(sys.argv[3]))
