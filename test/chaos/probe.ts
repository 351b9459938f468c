import { type ChildProcess, spawn } from 'node:child_process';
import { namespaceOf } from '#host/machine.ts';
import type { TestDeployment } from '../deployment.ts';

/** Sends datagrams to both addresses and three ports all the time, and prints what comes in from the other host. */
const program = `
import select, socket, sys, time
me = sys.argv[1]
targets = [(a, p) for a in sys.argv[2:] for p in (80, 81, 82)]
ins = []
for port in (80, 81, 82):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", port)); ins.append(s)
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + 600
while time.monotonic() < end:
    for target in targets:
        try: out.sendto(me.encode(), target)
        except OSError: pass
    for s in select.select(ins, [], [], 0.004)[0]:
        sender = s.recv(100).decode()
        if sender != me: print(s.getsockname()[1], flush=True)
`;

/** Real packets between the two hosts of a small site, from their own namespaces; says what arrived where. */
export class Probe {
  readonly #children: ChildProcess[];
  readonly #arrived = new Set<string>();

  constructor(lab: TestDeployment, hosts: readonly string[], addresses: readonly string[]) {
    this.#children = hosts.map((host) => {
      const namespace = `/run/netns/${namespaceOf(lab.deployment.id, `vm.chaos.${host}`)}`;
      const argv = [`--net=${namespace}`, '--', 'python3', '-c', program, host, ...addresses];
      const child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        for (const port of text.split('\n').filter(Boolean)) this.#arrived.add(`${host}:${port}`);
      });
      return child;
    });
  }

  /** What has arrived since the last time that this was asked, such as `server:80`. */
  take(): string[] {
    const seen = [...this.#arrived].sort();
    this.#arrived.clear();
    return seen;
  }

  stop(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}
