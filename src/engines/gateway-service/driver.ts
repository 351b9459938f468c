import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine, type Observation } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import { hashOf } from '#lib/hash.ts';
import { placeOf } from '#lib/seal.ts';
import { askSocket } from '../asking.ts';
import { compiledCode } from '../compiled.ts';
import { FORMER, untilInForce } from '../in-force.ts';
import { type ClusterPaths, clusterPaths } from '../keepalived/paths.ts';
import { steerProgram } from '../restart.ts';
import { GatewayServiceInput } from './input.ts';
import { differsKey, type GatewayStatus, Steer, statusAt } from './status.ts';

/** Heap and nursery in MiB: there is one of these processes for each node. */
const small = ['--max-old-space-size=48', '--max-semi-space-size=1'];

/** Arbitration of one node of a cluster: an unprivileged process of ours that hears the other node on two ways. */
export const gatewayServiceEngine = defineEngine<GatewayServiceInput>({
  name: 'gateway-service',
  input: GatewayServiceInput,

  async apply(machine, wanted) {
    const paths = pathsOf(machine, wanted);
    await prepare(machine, wanted, paths);
    const { uid, gid } = machine.users.gateway;
    const secret = await secretOf(machine, wanted.input);
    const files = wanted.input.files.map((it) => ({ ...it, path: `${paths.state}/${it.path}` }));
    const text = JSON.stringify({ ...wanted.input, files, secret });
    await machine.writeFile(paths.serviceInput, text, { mode: 0o640, gid });
    await machine.supervisor.ensure({
      name: serviceOf(wanted),
      namespace: wanted.input.namespace,
      argv: [
        ...['nice', '-n', '-10'],
        ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--inh-caps=-all', '--no-new-privs'],
        ...[process.execPath, ...small, `${machine.home}/src/main/gateway.ts`],
        ...[paths.serviceInput, paths.role, paths.service, paths.serviceSocket, paths.kept],
      ],
      env: compiledCode(),
      // What arbitration held is let go when no successor has looked at it for five seconds: then VRRP alone decides.
      finish: [
        ...[
          'sh',
          '-c',
          '(sleep 5; find "$1" -not -newermt "5 seconds ago" -exec sh -c "echo 0 >\\"\\$1\\"" x {} \\;) >/dev/null 2>&1 &',
        ],
        ...['finish', paths.hold],
      ],
    });
    await inForce(wanted, paths, hashOf(text));
  },

  async remove(machine, held) {
    const paths = pathsOf(machine, held);
    await machine.supervisor.remove(serviceOf(held));
    // Of `finish`, and nobody waits for it any more.
    await endThoseIn(`${machine.run}/services/${serviceOf(held)}`);
    for (const it of [paths.service, dirname(paths.serviceSocket)]) await rm(it, { recursive: true, force: true });
  },

  /** Choices, history and the copies of replicated files. */
  async discard(machine, held) {
    await rm(pathsOf(machine, held).kept, { recursive: true, force: true });
  },

  /** `role` into `switch`, `active`, `standby` or `automatic`; `maintenance` `on` or `off`; `program` `restart`. */
  async steer(machine, held, { part, state }) {
    if (part === 'program') return steerProgram(machine, { at: held.id, service: serviceOf(held), part, state });
    const wish = Steer.safeParse({ part, state });
    const refused = (message: string): Problem =>
      new Problem('INVALID_REQUEST', { at: `${held.id} ${part}`, message, fix: 'See `vauban gateway status`.' });
    if (!wish.success) throw refused(`a node has no ${part} ${state}`);
    const { serviceSocket } = pathsOf(machine, held);
    const { status, body } = await askSocket(serviceSocket, { path: '/steer', body: JSON.stringify(wish.data) });
    if (status !== 200) throw refused(body);
  },

  async observe(machine, held) {
    const up = (await machine.supervisor.status(serviceOf(held)))?.up === true;
    const failed = (detail: string): Observation => ({ artifact: held.id, state: 'failed', detail, values: {} });
    if (!up) return failed('the gateway service is down');
    const status = await statusAt(pathsOf(machine, held).serviceSocket).catch(() => undefined);
    return status === undefined ? failed('the gateway service does not answer') : observation(held, status);
  },
});

/** Of a cluster that declares none: kept by the machine, for both nodes that stand on it, or one that both machines know. */
async function secretOf(machine: Machine, { cluster, secret, apart }: GatewayServiceInput): Promise<string> {
  if (secret !== undefined) return machine.unseal(secret, placeOf(cluster, 'secret'));
  if (apart === true) return machine.derived(`cluster ${cluster}`);
  const path = `${machine.state}/gateway/${hashOf(cluster).slice(0, 32)}.secret`;
  const kept = await readFile(path, 'utf8').catch(() => '');
  if (kept.length >= 32) return kept;
  const made = randomBytes(32).toString('base64url');
  await machine.writeFile(path, made, { mode: 0o600 });
  return made;
}

/** Ends whoever stands in the folder of a service that is gone. */
async function endThoseIn(folder: string): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((it) => /^\d+$/.test(it))) {
    const stands = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if (stands !== folder && stands !== `${folder} (deleted)`) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

const serviceOf = ({ input }: Artifact<GatewayServiceInput>): string => `gateway.${input.namespace}`;
const pathsOf = (machine: Machine, { input }: Artifact<GatewayServiceInput>) => clusterPaths(machine, input.namespace);

function observation(held: Artifact<GatewayServiceInput>, status: GatewayStatus): Observation {
  const { heartbeatMs } = held.input;
  const silent = (it: GatewayStatus['link']): boolean => it.ageMs === null || it.ageMs > 10 * heartbeatMs;
  const bad = Object.entries(status.reach).flatMap(([name, it]) => (it === 'bad' ? [name] : []));
  const [last] = status.changes;
  const faults = [
    ...(silent(status.traffic) ? ['the other node is not heard on the traffic network'] : []),
    ...(silent(status.link) ? ['the other node is not heard on the high availability link'] : []),
    ...bad.map((it) => `nothing answers on ${it}`),
    ...(status.peer === null || status.peer.version === status.version
      ? []
      : [`it runs version ${status.version}, and the other node ${status.peer.version}`]),
    ...(status.peer?.differs ?? []).map((it) => `${it} differs from the other node`),
  ];
  const words = [
    `${status.role} since ${new Date(status.since * 1000).toISOString()}`,
    `version ${status.version}`,
    ...(status.forced === 'automatic' ? [] : [`forced ${status.forced}`]),
    ...(status.maintenance ? ['in maintenance'] : []),
    ...(status.hold === null ? [] : [`held back: ${status.hold}`]),
    ...(last === undefined ? [] : [`last change: ${last.from} to ${last.to}, ${last.reason}`]),
    ...faults,
  ];
  const values = {
    active: status.role === 'active' ? 1 : 0,
    since: status.since,
    maintenance: status.maintenance ? 1 : 0,
    held: status.hold === null ? 0 : 1,
    differing: status.peer?.differs.length ?? 0,
    heardOnTraffic: silent(status.traffic) ? 0 : 1,
    heardOnLink: silent(status.link) ? 0 : 1,
    trafficRoundTripMs: status.traffic.roundTripMs ?? -1,
    linkRoundTripMs: status.link.roundTripMs ?? -1,
    refused: status.refused,
    memory: status.memory,
    lastChange: last?.at ?? 0,
  };
  return {
    artifact: held.id,
    state: faults.length === 0 ? 'ready' : 'pending',
    ...(faults.length === 0 ? {} : { detail: faults.join('; ') }),
    values: Object.fromEntries(held.owners.map((owner) => [owner, values])),
    details: Object.fromEntries([
      ...held.owners.map((owner) => [owner, words.join('; ')]),
      ...held.owners.map((owner) => [differsKey(owner), (status.peer?.differs ?? []).join(' ')]),
    ]),
  };
}

async function prepare(machine: Machine, { id, input }: Artifact<GatewayServiceInput>, paths: ClusterPaths) {
  const { uid, gid } = machine.users.gateway;
  const owned = ['-o', String(uid), '-g', String(gid)];
  await mkdir(dirname(dirname(paths.serviceSocket)), { recursive: true, mode: 0o711 });
  await mkdir(dirname(paths.service), { recursive: true, mode: 0o755 });
  await must(machine, id, [
    'install',
    '-d',
    '-m',
    '0711',
    dirname(dirname(dirname(paths.kept))),
    dirname(dirname(paths.kept)),
  ]);
  await must(machine, id, ['install', '-d', '-m', '0711', dirname(paths.kept)]);
  for (const folder of [paths.service, dirname(paths.serviceSocket), paths.kept, paths.replicated]) {
    await must(machine, id, ['install', '-d', ...owned, '-m', '0700', folder]);
  }
  for (const file of [paths.hold, paths.maintenance]) {
    if ((await machine.exec(['test', '-e', file])).code === 0) continue;
    await must(machine, id, ['install', ...owned, '-m', '0644', '/dev/null', file]);
  }
  // Its user may send echo requests, and needs no privilege for it.
  const range = `net.ipv4.ping_group_range=${gid} ${gid}`;
  await must(machine, id, ['sysctl', '-q', '-w', range], { namespace: input.namespace });
}

/** Waits until the service says that it goes by this very input. */
const inForce = ({ id }: Artifact<GatewayServiceInput>, paths: ClusterPaths, hash: string): Promise<void> =>
  untilInForce({
    at: id,
    async look() {
      const status = await statusAt(paths.serviceSocket).catch(() => undefined);
      if (status?.input === hash) return undefined;
      return status === undefined ? 'it does not answer on its socket' : FORMER;
    },
    message: 'the gateway service did not take its input',
  });
