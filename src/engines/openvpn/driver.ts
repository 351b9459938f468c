import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { removeTree } from '#core/run.ts';
import { hashOf } from '#lib/hash.ts';
import { askSocket } from '../asking.ts';
import { FORMER, untilInForce } from '../in-force.ts';
import { pkiHash, pkiPaths } from '../pki/paths.ts';
import { makeDevices, removeDevices } from './devices.ts';
import { isAway, makeFolders, type Stale, writeFiles } from './files.ts';
import { OpenvpnInput } from './input.ts';
import { observation } from './observe.ts';
import { type OpenvpnPaths, openvpnPaths, restoredProfileKey } from './paths.ts';
import { runAll, stopAll, stopOthers } from './run.ts';
import { clientKey, forgetSecrets } from './secrets.ts';
import { Steer, statusAt } from './status.ts';

type Wanted = Artifact<OpenvpnInput>;

/** Milliseconds until people can come in. */
const PATIENCE = 30_000;

/** The SSL VPN of one gateway: openvpn carries packets, and our service beside it says who comes in. */
export const openvpnEngine = defineEngine<OpenvpnInput>({
  name: 'openvpn',
  input: OpenvpnInput,

  async check(machine, { id }) {
    if ((await machine.exec(['openvpn', '--version'])).code !== 127) return;
    const message = 'openvpn is not on this machine';
    throw new Problem('HOST_UNFIT', { at: id, message, fix: 'Install openvpn.' });
  },

  async apply(machine, wanted) {
    const paths = pathsOf(machine, wanted);
    await makeFolders(machine, wanted, paths);
    const stale = await writeFiles(machine, wanted, paths);
    await makeDevices(machine, wanted.id, wanted.input);
    await stopOthers(machine, wanted.input);
    await runAll(machine, wanted.input, { paths, stale });
    if (await isAway(machine, wanted.input)) return;
    await inForce(wanted, paths, stale);
  },

  async remove(machine, held) {
    const paths = pathsOf(machine, held);
    await stopAll(machine, held.input);
    await removeDevices(machine, held.input.namespace);
    for (const it of [paths.folder, paths.sockets]) await removeTree(machine, held.id, it);
  },

  /** The log, and with the last gateway of a server the keys that profiles were made with. */
  async discard(machine, held) {
    const { log, secrets } = pathsOf(machine, held);
    for (const it of [log, `${log}.d`]) await rm(it, { recursive: true, force: true });
    await forgetSecrets(machine, held.id, { folder: secrets, namespace: held.input.namespace });
  },

  /** Certificates are renewed, and what they are signed by. */
  async due(machine, held) {
    const { authority, server } = held.input;
    if (existsSync(restoredProfileKey(machine, server))) return 'the key of its profiles was restored';
    const now = await pkiHash(pkiPaths(machine, authority.id), [authority.certificate]);
    const taken = await readFile(`${pathsOf(machine, held).folder}/pki`, 'utf8').catch(() => '');
    return now === taken ? undefined : 'its certificates have changed';
  },

  async observe(machine, held) {
    const { service } = pathsOf(machine, held);
    const status = await statusAt(service).catch(() => undefined);
    return observation(held, { status, away: await isAway(machine, held.input) });
  },

  /** `person` into `disconnected`, with the email address as detail. */
  async steer(machine, held, { part, state, detail }) {
    const wish = Steer.safeParse({ email: detail });
    if (part !== 'person' || state !== 'disconnected' || !wish.success) {
      const message = `a VPN server has no ${part} ${state}`;
      throw new Problem('INVALID_REQUEST', { at: held.id, message, fix: 'See `vauban vpn status`.' });
    }
    const { body } = await askSocket(pathsOf(machine, held).service, {
      path: '/steer',
      body: JSON.stringify(wish.data),
    });
    if ((JSON.parse(body) as { ended?: number }).ended === 0) {
      const message = `${wish.data.email} is not connected`;
      throw new Problem('NOT_FOUND', { at: held.id, message, fix: 'See `vauban vpn status`.' });
    }
  },

  /** `sessions`: who is connected. `profile`: what a profile is made of, beside what was declared. */
  async ask(machine, held, { question }) {
    const paths = pathsOf(machine, held);
    if (question === 'sessions') return (await statusAt(paths.service).catch(() => undefined))?.sessions ?? [];
    if (question === 'profile') {
      return {
        authority: await readFile(paths.authority, 'utf8'),
        tlsCrypt: await clientKey(machine, held.id, `${paths.secrets}/tls-crypt-v2.key`),
      };
    }
    const message = `an SSL VPN does not know ${question}`;
    throw new Problem('INVALID_REQUEST', { at: held.id, message, fix: 'Ask for sessions or profile.' });
  },
});

const pathsOf = (machine: Machine, { input }: Wanted): OpenvpnPaths => openvpnPaths(machine, input);

/** Waits until our service goes by this very input and every openvpn lets people in. */
const inForce = ({ id, input }: Wanted, paths: OpenvpnPaths, { text }: Stale): Promise<void> =>
  untilInForce({
    at: id,
    async look() {
      const status = await statusAt(paths.service).catch(() => undefined);
      if (status === undefined) return 'the VPN service does not answer';
      const missing = input.listeners.find((it) => !status.ready.includes(it.transport));
      if (missing !== undefined) return `openvpn over ${missing.transport} does not run`;
      return status.input === hashOf(text) ? undefined : FORMER;
    },
    message: 'the SSL VPN did not start',
    fix: 'The previous state was restored. `vauban doctor` says where logs are.',
    patience: PATIENCE,
  });
