import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import { userNames } from '#core/deployment.ts';
import { defineEngine, type Observation } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must, removeTree } from '#core/run.ts';
import { hashOf } from '#lib/hash.ts';
import { placeOf } from '#lib/seal.ts';
import { askSocket } from '../asking.ts';
import { compiledCode } from '../compiled.ts';
import { FORMER, untilInForce } from '../in-force.ts';
import { clusterPaths } from '../keepalived/paths.ts';
import { certificateOf, certificatesHash } from './certificates.ts';
import { renderConf } from './conf.ts';
import { removeDevice, settleDevice } from './device.ts';
import { type KeeperFile, type Kernel, StrongswanInput } from './input.ts';
import { kernelOf } from './kernel.ts';
import { observation } from './observe.ts';
import { type IpsecPaths, ipsecPaths } from './paths.ts';
import { charonService, keeperService } from './services.ts';
import { PATIENCE, Steer, statusAt } from './status.ts';

/** Heap and nursery in MiB: there is one of these processes for each gateway with tunnels. */
const small = ['--max-old-space-size=48', '--max-semi-space-size=1'];

/**
 * IPsec of one gateway: a charon of its own, and a keeper, an unprivileged process of ours that tells it what is wanted
 * whenever it starts. Both go on without the host agent.
 */
export const strongswanEngine = defineEngine<StrongswanInput>({
  name: 'strongswan',
  input: StrongswanInput,

  async check(machine, wanted) {
    const { code } = await machine.exec(['test', '-x', '/usr/sbin/charon-systemd']);
    if (code === 0) return;
    const fix =
      'Install charon-systemd, libstrongswan-standard-plugins, libstrongswan-extra-plugins and libcharon-extra-plugins.';
    throw new Problem('HOST_UNFIT', { at: wanted.id, message: 'strongSwan is not installed', fix });
  },

  async apply(machine, wanted) {
    const paths = pathsOf(machine, wanted);
    const kernel = await kernelOf(machine);
    await prepare(machine, wanted, paths);
    const conf = renderConf(kernel, paths, userNames.ipsec);
    await machine.writeFile(paths.config, conf, 0o644);
    const text = JSON.stringify(await opened(machine, wanted, kernel));
    await machine.writeFile(paths.wanted, text, { mode: 0o640, gid: machine.users.ipsec.gid });
    await settleDevice(machine, wanted, kernel);
    await machine.supervisor.ensure(keeper(machine, wanted, paths));
    await machine.supervisor.ensure(charon(machine, wanted, { paths, kernel, conf }));
    await inForce(wanted, paths, hashOf(text));
    await machine.writeFile(paths.certificates, await certificatesHash(machine, wanted.input), 0o600);
  },

  /** Certificates and lists of what is revoked are made anew by themselves. */
  async due(machine, held) {
    const known = await readFile(pathsOf(machine, held).certificates, 'utf8').catch(() => '');
    return known === (await certificatesHash(machine, held.input))
      ? undefined
      : 'certificates of its tunnels have changed';
  },

  async remove(machine, held) {
    const paths = pathsOf(machine, held);
    for (const it of [charonService(held.input.namespace), keeperService(held.input.namespace)])
      await machine.supervisor.remove(it);
    await removeDevice(machine, held);
    for (const it of [paths.folder, paths.sockets]) await removeTree(machine, held.id, it);
    await rm(paths.events, { force: true });
    await removeTree(machine, held.id, `${paths.events}.d`);
  },

  /** A tunnel's key into `up` or `down`. */
  async steer(machine, held, { part, state }) {
    const wish = Steer.safeParse({ tunnel: part, state });
    const refused = (message: string): Problem =>
      new Problem('INVALID_REQUEST', { at: `${held.id} ${part}`, message, fix: 'See `vauban ipsec status`.' });
    if (!wish.success) throw refused(`a tunnel has no state ${state}`);
    const asked = { path: '/steer', body: JSON.stringify(wish.data), patience: PATIENCE };
    const { status, body } = await askSocket(pathsOf(machine, held).keeper, asked);
    if (status !== 200) throw refused(body);
  },

  async ask(machine, held, { question }) {
    if (question === 'tunnels') return statusAt(pathsOf(machine, held).keeper);
    throw new Problem('INVALID_REQUEST', {
      at: held.id,
      message: `it does not know ${question}`,
      fix: 'Ask for `tunnels`.',
    });
  },

  async observe(machine, held) {
    const failed = (detail: string): Observation => ({ artifact: held.id, state: 'failed', detail, values: {} });
    const { namespace, whileActive } = held.input;
    const status = await statusAt(pathsOf(machine, held).keeper).catch(() => undefined);
    if (status === undefined) return failed('the keeper of its tunnels does not answer');
    const role = whileActive ? await readFile(clusterPaths(machine, namespace).role, 'utf8').catch(() => '') : 'active';
    if (!status.running && /^active/.test(role)) return failed('strongSwan does not run');
    return observation(held, status);
  },
});

const pathsOf = (machine: Machine, { input }: Artifact<StrongswanInput>): IpsecPaths =>
  ipsecPaths(machine, input.namespace);

/** What the keeper reads: secrets are opened here and nowhere else. */
async function opened(machine: Machine, { input }: Artifact<StrongswanInput>, kernel: Kernel): Promise<KeeperFile> {
  const connections = await Promise.all(
    input.connections.map(async ({ preSharedKey, certificate, ...it }) => ({
      ...it,
      ...(preSharedKey === undefined
        ? {}
        : { preSharedKey: machine.unseal(preSharedKey, placeOf(it.key, 'preSharedKey')) }),
      ...(certificate === undefined ? {} : { certificate: await certificateOf(machine, certificate) }),
    })),
  );
  return { owner: input.owner, kernel, connections };
}

const keeper = (machine: Machine, { input }: Artifact<StrongswanInput>, paths: IpsecPaths) => {
  const { uid, gid } = machine.users.ipsec;
  return {
    name: keeperService(input.namespace),
    argv: [
      ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--inh-caps=-all', '--no-new-privs'],
      ...[process.execPath, ...small, `${machine.home}/src/main/ipsec.ts`],
      ...[paths.wanted, paths.vici, paths.keeper, paths.loaded],
    ],
    env: compiledCode(),
    log: paths.events,
  };
};

/** It makes its device as root, and goes on as a user of its own that may do nothing but change the namespace's network. */
const charon = (
  machine: Machine,
  { input }: Artifact<StrongswanInput>,
  { paths, kernel, conf }: { readonly paths: IpsecPaths; readonly kernel: Kernel; readonly conf: string },
) => {
  const { namespace, whileActive } = input;
  const few = ['net_admin', 'net_raw', 'net_bind_service', 'setuid', 'setgid', 'setpcap', 'chown'];
  return {
    name: charonService(namespace),
    namespace,
    argv: [
      ...['setpriv', `--bounding-set=-all,${few.map((it) => `+${it}`).join(',')}`, '--inh-caps=-all', '--no-new-privs'],
      '/usr/sbin/charon-systemd',
    ],
    // Another configuration is another service.
    env: { STRONGSWAN_CONF: paths.config, CONFIGURATION: hashOf(conf).slice(0, 16) },
    // Of one that was killed, routes would stay behind.
    ...(kernel === 'libipsec'
      ? { finish: ['ip', '-n', machine.namespace(namespace), 'route', 'flush', 'table', '220'] }
      : {}),
    ...(whileActive ? { whileActive: clusterPaths(machine, namespace).role } : {}),
  };
};

async function prepare(machine: Machine, { id }: Artifact<StrongswanInput>, paths: IpsecPaths): Promise<void> {
  const { uid, gid } = machine.users.ipsec;
  await machine.makeFolder(`${machine.run}/ipsec`, { mode: 0o711 });
  await machine.makeFolder(paths.folder, { mode: 0o750, gid });
  const logs = `${paths.events}.d`;
  await must(machine, id, ['install', '-d', '-m', '0711', dirname(dirname(logs)), dirname(logs)]);
  // Control reads what happened.
  await must(machine, id, ['install', '-d', '-g', String(machine.users.control.gid), '-m', '2750', logs]);
  // Of root only the group is left when charon makes its socket.
  await machine.makeFolder(paths.sockets, { mode: 0o770, uid, gid: 0 });
}

/** Waits until the keeper says that it goes by this very input, and that charon took it. */
const inForce = ({ id }: Artifact<StrongswanInput>, paths: IpsecPaths, hash: string): Promise<void> =>
  untilInForce({
    at: id,
    async look() {
      const status = await statusAt(paths.keeper).catch(() => undefined);
      if (status === undefined) return 'its keeper does not answer';
      if (status.problem !== '') return status.problem;
      return status.input === hash ? undefined : FORMER;
    },
    message: 'strongSwan did not take its input',
    fix: 'The previous state was restored. Read its log; `vauban doctor` says where logs are.',
  });
