/**
 * What an SSL VPN costs: people who come in at once with stock clients, memory for each, everybody coming back after a restart of
 * openvpn, and throughput beside the same path in the clear and a bare openvpn of the same cipher, in the same run, so that the
 * ratios mean something. Needs root; makes a deployment of its own and takes it away.
 *
 *   node bench/vpn.ts [clients, at most 200]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { openvpnPaths } from '#engines/openvpn/paths.ts';
import { statusAt } from '#engines/openvpn/status.ts';
import { eventually, startDeployment } from '../test/deployment.ts';
import { inNamespace, testMachine } from '../test/machine.ts';
import { plugIn, type Stranger } from '../test/segment-lab.ts';
import { connect, serve, UP } from '../test/ssl-vpn-lab.ts';

const clients = Math.min(200, Number(process.argv[2] ?? 40));
const people = 10;
const SIZE = 40_000_000;
const PRIVATE = '10.200.0.10';
const password = 'correct horse battery';
const nameOf = (index: number): string => `person${index % people}@example.com`;

const site = `
project: office
segments:
  outside: { range: 198.51.100.0/24 }
  inside: { range: 10.200.0.0/16, routerAddress: 10.200.0.1 }
networkObjects:
  vpn-udp: { network: 10.60.76.0/22 }
certificateAuthorities: { vpn: {} }
directories: { people: {} }
users:
${Array.from({ length: people }, (_, it) => `  p${it}: { email: ${nameOf(it)}, displayName: P, password: ${password} }`).join('\n')}
roleBindings:
  vpn: { role: roles/vpn.user, members: ["domain:example.com"] }
sslVpnServers:
  staff: { udp: { network: vpn-udp }, certificateAuthority: vpn, routes: [network-lan], sessionsPerPerson: 50 }
gateways:
  edge:
    interfaces:
      - { name: ext, segment: outside, address: 198.51.100.1, external: true }
      - { name: lan, segment: inside, address: 10.200.0.1 }
    filterPolicy: office
    sslVpn: staff
filterPolicies:
  office: { rules: [{ name: all, action: pass, destination: [network-lan] }] }
`;

const [lab, machine] = await Promise.all([startDeployment(), testMachine()]);
const children: ChildProcess[] = [];
const stops: (() => unknown)[] = [];

/** Kibibytes that a process has of its own. */
const memoryOf = (pid: number): number =>
  Number(/^Rss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
const pidOf = (service: string): number =>
  Number(execFileSync('s6-svstat', ['-o', 'pid', `${lab.deployment.scan}/${service}`], { encoding: 'utf8' }));

async function speed(from: Stranger, address: string): Promise<number> {
  const said = await from.sh(`curl -s -o /dev/null -m 120 --noproxy * -w %{speed_download} http://${address}/`);
  return Number(said) * 8e-6;
}

async function host(address: string, segment: string): Promise<Stranger> {
  const made = await plugIn(machine, lab, { segment: `office.${segment}` });
  await made.sh(`ip addr add ${address} dev eth0`);
  return made;
}

/** A stock client that leaves its routes alone: hundreds stand in one namespace. */
function lightClient(at: Stranger, index: number, profile: string): void {
  const file = `${machine.run}/user${index}`;
  writeFileSync(file, `${nameOf(index)}\n${password}\n`, { mode: 0o600 });
  const quiet = ['--route-noexec', '--ifconfig-noexec', '--verb', '0', '--auth-user-pass', file];
  const argv = ['openvpn', '--config', profile, '--dev', `tun${index}`, ...quiet];
  const [program = '', ...rest] = inNamespace(machine.namespace(at.namespace), argv);
  children.push(spawn(program, rest, { stdio: 'ignore' }));
}

/** A bare openvpn of the same cipher between two hosts, without anything of ours. */
async function bare(from: Stranger, to: Stranger): Promise<number> {
  const [key, certificate] = [`${machine.run}/bare.key`, `${machine.run}/bare.crt`];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=bare'];
  execFileSync('openssl', [...made, '-days', '2', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  const common = [
    ...[
      '--dev',
      'tun900',
      '--proto',
      'udp',
      '--disable-dco',
      '--data-ciphers',
      'AES-256-GCM',
      '--cipher',
      'AES-256-GCM',
    ],
    ...['--ca', certificate, '--cert', certificate, '--key', key],
  ];
  const ends = [
    [to, ['--tls-server', '--dh', 'none', '--ifconfig', '10.99.0.1', '10.99.0.2']],
    [from, ['--tls-client', '--remote', '198.51.100.11', '--ifconfig', '10.99.0.2', '10.99.0.1']],
  ] as const;
  for (const [at, more] of ends) {
    const [program = '', ...rest] = inNamespace(machine.namespace(at.namespace), ['openvpn', ...common, ...more]);
    children.push(spawn(program, rest, { stdio: 'ignore' }));
  }
  await eventually(
    () => from.run('ping -c 1 -W 1 10.99.0.1'),
    (it) => it.code === 0,
    60,
  );
  return speed(from, '10.99.0.1');
}

try {
  await lab.apply(site);
  const [laptop, other] = [await host('198.51.100.10/24', 'outside'), await host('198.51.100.11/24', 'outside')];
  // From one address no more than forty may try at once.
  const crowds: Stranger[] = [];
  for (let index = 0; index < clients; index += 20)
    crowds.push(await host(`198.51.100.${100 + index / 20}/24`, 'outside'));
  const server = await host(`${PRIVATE}/16`, 'inside');
  await server.sh('ip route add default via 10.200.0.1');
  await other.sh('ip route add 10.200.0.0/16 via 198.51.100.1');
  const text = 'x'.repeat(SIZE);
  for (const it of [server, other]) stops.push(await serve(machine, it, text));
  const profile = (await lab.vauban('vpn', 'profile')).stdout;

  const one = connect(machine, laptop, profile, { username: nameOf(0), password });
  await one.said(UP, 60);
  const through = await speed(laptop, PRIVATE);
  await one.stop();
  const clear = await speed(other, PRIVATE);
  const plain = await bare(laptop, other);
  for (const it of children.splice(0)) it.kill('SIGKILL');
  console.log(
    `throughput: clear ${clear.toFixed(0)} Mbit/s, bare openvpn ${plain.toFixed(0)}, this ${through.toFixed(0)}`,
  );
  console.log(`ratios: ${(through / clear).toFixed(3)} of clear, ${(through / plain).toFixed(2)} of bare openvpn`);

  const places = { run: lab.deployment.run, state: lab.deployment.hostState };
  const { service } = openvpnPaths(places, { namespace: 'gw.office.edge', server: '' });
  const count = async (since = 0): Promise<number> =>
    (await statusAt(service).catch(() => undefined))?.sessions.filter((it) => it.since >= since).length ?? 0;
  await eventually(count, (it) => it === 0, 60);
  const [before, ours] = [pidOf('openvpn.gw.office.edge.udp'), pidOf('vpn.gw.office.edge')].map(memoryOf);
  const path = `${machine.run}/light.ovpn`;
  writeFileSync(path, profile, { mode: 0o600 });
  let started = Date.now();
  for (let index = 0; index < clients; index++) lightClient(crowds[Math.floor(index / 20)] ?? laptop, index, path);
  await eventually(count, (it) => it >= clients, 300);
  let seconds = (Date.now() - started) / 1000;
  console.log(
    `${clients} clients by password at once: ${seconds.toFixed(1)} s, ${(clients / seconds).toFixed(1)} a second`,
  );
  const [after, ours2] = [pidOf('openvpn.gw.office.edge.udp'), pidOf('vpn.gw.office.edge')].map(memoryOf);
  const each = (a = 0, b = 0): string => ((b - a) / clients).toFixed(0);
  console.log(
    `memory: openvpn ${before} KiB and ${each(before, after)} for each client; service ${ours} KiB and ${each(ours, ours2)}`,
  );

  started = Date.now();
  process.kill(pidOf('openvpn.gw.office.edge.udp'), 'SIGTERM');
  await eventually(
    () => count(started),
    (it) => it >= clients,
    300,
  );
  seconds = (Date.now() - started) / 1000;
  console.log(`${clients} clients back by token after a restart of openvpn: ${seconds.toFixed(1)} s`);
} finally {
  for (const it of children) it.kill('SIGKILL');
  for (const it of stops) it();
  await machine.cleanup();
  await lab.remove();
}
