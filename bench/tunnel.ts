/**
 * What the identity-aware TCP tunnel costs: megabytes a second to and from a host over plain TCP, over plain ssh, through
 * the tunnel, and over ssh through the tunnel, all in one run on one machine, so that the ratios mean something. Needs root;
 * makes a deployment of its own and takes it away.
 *
 *   node bench/tunnel.ts [megabytes] [rounds]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Duplex, PassThrough } from 'node:stream';
import { runTunnel } from '#client/tunnel.ts';
import { eventually, startDeployment, type TestDeployment } from '../test/deployment.ts';
import { triesOf } from '../test/fabric-lab.ts';

const megabytes = Number(process.argv[2] ?? 200);
const rounds = Number(process.argv[3] ?? 3);
const bytes = megabytes * 1_000_000;
const HOST = '192.168.10.20';

const site = `
project: bench
networks: { cloud-ids: {} }
subnets: { cloud-ids-useast1: { network: cloud-ids, region: us-east1, range: 192.168.10.0/24 } }
firewallRules:
  allow-iap-proxy: { network: cloud-ids, rules: ["tcp"], sourceRanges: [35.235.240.0/20] }
roleBindings:
  operators: { role: roles/iap.tunnelResourceAccessor, members: ["user:alice@example.com"] }
instances:
  server:
    zone: us-east1-b
    machineType: e2-standard-4
    interfaces: [{ subnet: cloud-ids-useast1, address: ${HOST} }]
    startupScript: |
      cat >/run/serve.py <<'END'
      import socket, threading
      BLOCK = bytes(1 << 16)
      def give(c):
          left = ${bytes}
          while left > 0:
              c.sendall(BLOCK[:min(left, len(BLOCK))])
              left -= len(BLOCK)
          c.close()
      def take(c):
          got, block = 0, bytearray(1 << 16)
          while got < ${bytes}:
              n = c.recv_into(block)
              if n == 0: break
              got += n
          c.sendall(b'!')
          c.close()
      def listen(port, serve):
          s = socket.socket()
          s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
          s.bind(('', port))
          s.listen(9)
          while True: threading.Thread(target=serve, args=(s.accept()[0],)).start()
      threading.Thread(target=listen, args=(9000, give)).start()
      threading.Thread(target=listen, args=(9001, take)).start()
      END
      setsid python3 /run/serve.py </dev/null >/dev/null 2>&1 &
`;

/** Where the edge itself stands: what it sends from there the firewall lets in. */
const atTheEdge = (lab: TestDeployment, ...argv: string[]): string[] => [
  'nsenter',
  `--net=/run/netns/vb-${lab.deployment.id}.edge.bench`,
  '--',
  ...argv,
];

/** Runs a program that ends when everything has come or gone; `input`: zeros on its standard input. */
const run = (argv: readonly string[], input: boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    const [file = '', ...rest] = argv;
    const child = spawn(file, rest, { stdio: [input ? 'pipe' : 'ignore', 'pipe', 'inherit'], env: process.env });
    let got = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      got += chunk.length;
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 && (input || got === bytes)
        ? resolve()
        : reject(new RangeError(`${file}: code ${code}, ${got} bytes`)),
    );
    if (input && child.stdin !== null) zeros().pipe(child.stdin);
  });

function zeros(): PassThrough {
  const out = new PassThrough();
  const block = Buffer.alloc(65_536);
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const piece = block.subarray(0, Math.min(left, block.length));
      left -= piece.length;
      if (!out.write(piece)) {
        out.once('drain', more);
        return;
      }
    }
    out.end();
  };
  more();
  return out;
}

const plainScript = `
const net = require('node:net');
const [port, count] = process.argv.slice(1).map(Number);
const s = net.connect({ host: '${HOST}', port, localAddress: '35.235.240.1' });
if (port === 9000) s.pipe(process.stdout);
else { process.stdin.pipe(s, { end: false }); s.on('data', () => s.destroy()); s.on('close', () => process.exit(0)); }`;

async function tunnelled(lab: TestDeployment, port: number): Promise<void> {
  const base = `wss://127.0.0.1:${lab.settings.port}/v1/projects/bench/instances/server/tunnel`;
  const token = readFileSync(`${lab.deployment.apiFolder}/admin.token`, 'utf8').trim();
  const route = {
    connect: `${base}?port=${port}`,
    reconnect: (sid: string, received: number) => `${base}?sid=${sid}&ack=${received}`,
    token: () => token,
    authority: readFileSync(`${lab.deployment.apiFolder}/server.crt`, 'utf8'),
    name: `server port ${port}`,
  };
  const output = new PassThrough();
  let got = 0;
  output.on('data', (chunk: Buffer) => {
    got += chunk.length;
  });
  const input = port === 9000 ? new PassThrough() : zeros();
  await runTunnel(route, Duplex.from({ readable: input, writable: output }));
  if (got !== (port === 9000 ? bytes : 1)) throw new RangeError(`${got} bytes came through the tunnel`);
}

const folder = mkdtempSync(`${tmpdir()}/vauban-bench-`);
process.env['XDG_CONFIG_HOME'] = folder;
const lab = await startDeployment();
try {
  await lab.apply(site);
  for (const port of [22, 9000, 9001]) await triesOf(lab).listening('bench/server', port);
  await eventually(
    () => lab.vauban('ssh', 'bench@server', '--tunnel', '--', 'true'),
    ({ code }) => code === 0,
  );
  process.env['VAUBAN_STATE'] = lab.deployment.state;
  const plainSsh = (...words: string[]) =>
    atTheEdge(
      lab,
      'ssh',
      '-i',
      `${folder}/vauban/ssh/id_ed25519`,
      '-b',
      '35.235.240.1',
      ...plainOptions,
      `bench@${HOST}`,
      ...words,
    );
  const plainOptions = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'];
  const cli = new URL('../src/main/cli.ts', import.meta.url).pathname;
  const tunnelSsh = (...words: string[]) => [
    ...[process.execPath, '--disable-warning=ExperimentalWarning', cli],
    ...['ssh', 'bench@server', '--tunnel', '--', ...words],
  ];
  const give = `head -c ${bytes} /dev/zero`;
  const take = 'cat >/dev/null';
  const ways: Readonly<Record<string, readonly [() => Promise<void>, () => Promise<void>]>> = {
    'plain TCP': [
      () => run(atTheEdge(lab, process.execPath, '-e', plainScript, '9000', String(bytes)), false),
      () => run(atTheEdge(lab, process.execPath, '-e', plainScript, '9001', String(bytes)), true),
    ],
    'plain ssh': [() => run(plainSsh(give), false), () => run(plainSsh(take), true)],
    'TCP through the tunnel': [() => tunnelled(lab, 9000), () => tunnelled(lab, 9001)],
    'ssh through the tunnel': [() => run(tunnelSsh(give), false), () => run(tunnelSsh(take), true)],
  };
  const seen = new Map<string, number[][]>();
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, both] of Object.entries(ways)) {
      const rates = [];
      for (const way of both) {
        const began = performance.now();
        await way();
        rates.push(megabytes / ((performance.now() - began) / 1000));
      }
      // The first round only warms up.
      if (round > 0) seen.set(name, [...(seen.get(name) ?? []), rates]);
    }
  }
  const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
  const rate = (name: string, at: number): number => median((seen.get(name) ?? []).map((it) => it[at] ?? 0));
  console.log(`${megabytes} MB each way, median of ${rounds} rounds, MB/s (start of the programs included)\n`);
  for (const name of Object.keys(ways)) {
    const [down, up] = [rate(name, 0), rate(name, 1)];
    const against = (other: string): string =>
      `${(down / rate(other, 0)).toFixed(2)} / ${(up / rate(other, 1)).toFixed(2)}`;
    console.log(
      `${name.padEnd(24)} from the host ${down.toFixed(0).padStart(5)}   to the host ${up.toFixed(0).padStart(5)}` +
        `   of plain TCP ${against('plain TCP')}   of plain ssh ${against('plain ssh')}`,
    );
  }
} finally {
  await lab.remove();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
