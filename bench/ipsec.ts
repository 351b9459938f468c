import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { charonService } from '#engines/strongswan/services.ts';
import { eventually } from '../test/deployment.ts';
import { addressOf, hostOf, IpsecLab, inputOf, KEY, networkOf, sides, strong } from '../test/ipsec-lab.ts';

/**
 * `node bench/ipsec.ts [RUNS] [SECONDS]`: what a tunnel costs and how soon it is back. Throughput of one TCP connection from host to
 * host through two of our gateways, as a ratio to a stock strongSwan at both ends with the same ciphers and to the same path in the
 * clear; the longest time without an answer to pings every 10 ms when keys are made anew, when charon is killed, and when the
 * peer dies and comes back. Medians. Needs root.
 */

const [runs, seconds] = [Number(process.argv[2] ?? 3), Number(process.argv[3] ?? 3)];
const PORT = 9100;

const receiver = `
import socket, time
s = socket.create_server(('', ${PORT}))
while True:
  c, _ = s.accept()
  n = 0; begun = time.time()
  while True:
    d = c.recv(1 << 18)
    if not d: break
    n += len(d)
  print(n / (time.time() - begun), flush=True)
`;
const sender = `
import socket, sys, time
c = socket.create_connection((sys.argv[1], ${PORT}), 5)
end = time.time() + float(sys.argv[2]); block = bytes(1 << 16)
while time.time() < end: c.sendall(block)
c.close()
`;

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN;

const lab = await IpsecLab.start();

/** Bytes in a second from host to host. */
async function throughput(): Promise<number> {
  const space = (it: string): string => `--net=/run/netns/${lab.machine.namespace(it)}`;
  const server = spawn('nsenter', [space('there-host'), 'python3', '-c', receiver], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const rates: number[] = [];
  server.stdout.setEncoding('utf8').on('data', (text: string) => rates.push(...text.trim().split('\n').map(Number)));
  await sleep(500);
  for (let run = 0; run < runs; run++) {
    await lab.machine.exec(['python3', '-c', sender, hostOf.there, String(seconds)], { namespace: 'here-host' });
    await sleep(300);
  }
  server.kill('SIGKILL');
  return median(rates);
}

/** Milliseconds of the longest silence while something happens. */
async function silence(
  happens: () => Promise<void>,
  span = 8,
): Promise<{ readonly gap: number; readonly lost: number }> {
  const argv = ['ping', '-n', '-D', '-i', '0.01', '-W', '1', '-c', String(span * 100), hostOf.there];
  const asked = lab.machine.exec(argv, { namespace: 'here-host' });
  await sleep(1000);
  await happens();
  const { stdout } = await asked;
  const times = [...stdout.matchAll(/^\[(\d+\.\d+)\].*time=/gm)].map(([, it]) => Number(it) * 1000);
  const gaps = times.slice(1).map((it, n) => it - (times[n] ?? it));
  return { gap: Math.max(0, ...gaps), lost: span * 100 - times.length };
}

const both = async (): Promise<void> => {
  await lab.hold('there', inputOf('there'));
  await lab.hold('here', inputOf('here'));
  await lab.up('here');
  await lab.up('there');
};

const row = (what: string, value: string): void => console.log(`${what.padEnd(64)} ${value}`);

try {
  for (const it of sides) await lab.sh(it, 'nft delete table ip guard');
  const clear = await throughput();
  await both();
  const ours = await throughput();
  await lab.hold('here', inputOf('here', { tunnel: { rekeySeconds: 5 } }));
  await lab.up('here');
  const rekey = await silence(async () => {}, 20);
  const { rekeys } = await lab.tunnel('here');
  await lab.hold('here', inputOf('here'));
  await lab.up('here');
  const restarts: number[] = [];
  for (let run = 0; run < runs; run++) {
    const { gap } = await silence(async () => {
      const pid = (await lab.machine.supervisor.status(charonService('here')))?.pid ?? 0;
      process.kill(pid, 'SIGKILL');
    });
    restarts.push(gap);
  }
  for (const it of sides) await lab.drop(it);
  const peerConf = `connections { here { version = 2
  remote_addrs = ${addressOf.here}
  proposals = ${strong.ike}
  encap = yes
  mobike = no
  unique = replace
  local { auth = psk
    id = ${addressOf.there} }
  remote { auth = psk
    id = ${addressOf.here} }
  children { net { local_ts = ${networkOf.there}
      remote_ts = ${networkOf.here}
      esp_proposals = ${strong.esp} } } } }
secrets { ike-a { secret = "${KEY}" } }
`;
  await lab.stock(peerConf);
  await lab.hold('here', inputOf('here'));
  await lab.up('here');
  const withStock = await throughput();
  const begun = performance.now();
  await lab.endStock();
  await eventually(
    () => lab.tunnel('here'),
    (it) => it.state !== 'up',
    120,
  );
  const noticed = performance.now() - begun;
  await lab.stock(peerConf);
  const back = performance.now();
  await lab.up('here');
  row('throughput in the tunnel / in the clear', (ours / clear).toFixed(3));
  row('throughput between two of ours / with a stock strongSwan', (ours / withStock).toFixed(2));
  row(
    `keys made anew ${rekeys} times: pings lost of 2000, longest silence`,
    `${rekey.lost}, ${rekey.gap.toFixed(0)} ms`,
  );
  row('charon killed: longest silence', `${median(restarts).toFixed(0)} ms`);
  row('peer dead without a word: noticed after', `${(noticed / 1000).toFixed(1)} s`);
  row('peer there again: up after', `${((performance.now() - back) / 1000).toFixed(1)} s`);
} finally {
  await lab.stop();
}
process.exit(0);
