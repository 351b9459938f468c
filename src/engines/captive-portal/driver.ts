import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must, removeTree } from '#core/run.ts';
import { hashOf } from '#lib/hash.ts';
import { askSocket } from '../asking.ts';
import { compiledCode } from '../compiled.ts';
import { addressesFile } from '../filter/addresses.ts';
import { grantsFile } from '../filter/grants.ts';
import { FORMER, untilInForce } from '../in-force.ts';
import { Steer } from '../openvpn/status.ts';
import { isStale, makeFolders, writeFiles } from './files.ts';
import { CaptivePortalInput } from './input.ts';
import { captivePortalPaths } from './paths.ts';
import { renderConfig } from './render.ts';
import { portalStatusAt } from './status.ts';

type Wanted = Artifact<CaptivePortalInput>;

/** Heap and nursery of our service in MiB. */
const small = ['--max-old-space-size=64', '--max-semi-space-size=2'];
/** What is diverted has foreign addresses; marked, this table delivers it here. The URL filter has a table of its own. */
const TABLE = '101';
/** Milliseconds that the end of a sign-in may take: the edge service is told of it. */
const PATIENCE = 25_000;
const RULE = ['fwmark', '0x10000/0x10000', 'lookup', TABLE];

/** The captive portal of one gateway: a proxy before the pages of the edge service, and our service, which keeps the rights. */
export const captivePortalEngine = defineEngine<CaptivePortalInput>({
  name: 'captive-portal',
  input: CaptivePortalInput,

  /** Asks the proxy itself about its configuration; the certificate is none of this. */
  async check(machine, { id, input }) {
    const scratch = `${machine.run}/captive-portal-check-${randomBytes(4).toString('hex')}`;
    try {
      await mkdir(scratch, { recursive: true, mode: 0o700 });
      const text = renderConfig(input, { run: machine.run, paths: { certificate: `${scratch}/portal.pem` } });
      await writeFile(`${scratch}/haproxy.cfg`, text.replace(/ ssl crt \S+/, ''));
      const { code, stderr } = await machine.exec(['haproxy', '-c', '-q', '-f', `${scratch}/haproxy.cfg`]);
      if (code === 0) return;
      throw new Problem(code === 127 ? 'HOST_UNFIT' : 'ENGINE_REJECTED', {
        at: id,
        message: code === 127 ? 'haproxy is not on this machine' : `haproxy refused it: ${stderr.trim().slice(0, 500)}`,
        fix: code === 127 ? 'Install haproxy.' : 'Nothing was changed. Correct it, then apply again.',
      });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },

  async apply(machine, wanted) {
    const paths = pathsOf(machine, wanted);
    await makeFolders(machine, wanted, paths);
    const { stale, text } = await writeFiles(machine, wanted, paths);
    await deliver(machine, wanted);
    await start(machine, wanted, stale);
    await inForce(machine, wanted, hashOf(text));
  },

  async remove(machine, held) {
    const { namespace } = held.input;
    const paths = pathsOf(machine, held);
    for (const it of [proxyOf(namespace), serviceOf(namespace)]) await machine.supervisor.remove(it);
    await machine.exec(['ip', 'rule', 'del', ...RULE], { namespace });
    await machine.exec(['ip', 'route', 'flush', 'table', TABLE], { namespace });
    for (const it of [grantsFile(machine, namespace, 'portal'), addressesFile(machine, namespace, 'portal')])
      await rm(it, { force: true });
    for (const it of [paths.folder, paths.service, paths.sockets]) await removeTree(machine, held.id, it);
  },

  due: async (machine, held) =>
    (await isStale(machine, held.input, pathsOf(machine, held))) ? 'its certificate has changed' : undefined,

  async steer(machine, held, { part, state, detail }) {
    const wish = Steer.safeParse({ email: detail });
    if (part !== 'person' || state !== 'signed-out' || !wish.success) {
      const message = `a captive portal has no ${part} ${state}`;
      throw new Problem('INVALID_REQUEST', { at: held.id, message, fix: 'See `vauban gateway sign-ins`.' });
    }
    const body = JSON.stringify(wish.data);
    const answer = await askSocket(pathsOf(machine, held).socket, { path: '/steer', body, patience: PATIENCE });
    const { ended } = JSON.parse(answer.body) as { ended?: number };
    if (ended !== undefined && ended > 0) return;
    const message =
      ended === 0
        ? `${wish.data.email} is not signed in at the captive portal`
        : 'its service could not end the sign-in';
    const fix = ended === 0 ? 'See `vauban gateway sign-ins`.' : 'Try again; `vauban doctor` says where logs are.';
    throw new Problem(ended === 0 ? 'NOT_FOUND' : 'ENGINE_FAILED', { at: held.id, message, fix });
  },

  /** `sign-ins`: who is signed in. */
  async ask(machine, held, { question }) {
    if (question === 'sign-ins') return (await portalStatusAt(pathsOf(machine, held).socket)).sessions;
    const message = `nothing is known of ${question}`;
    throw new Problem('INVALID_REQUEST', { at: held.id, message, fix: 'Ask for sign-ins.' });
  },

  async observe(machine, held) {
    const failed = (detail: string) => ({ artifact: held.id, state: 'failed' as const, detail, values: {} });
    if ((await machine.supervisor.status(proxyOf(held.input.namespace)))?.up !== true)
      return failed('its proxy is down: nobody new signs in');
    const status = await portalStatusAt(pathsOf(machine, held).socket).catch(() => undefined);
    if (status === undefined) return failed('its service does not answer: nobody new signs in');
    return { artifact: held.id, state: 'ready', values: { [held.input.owner]: { signedIn: status.sessions.length } } };
  },
});

const pathsOf = (machine: Machine, { input }: Wanted) => captivePortalPaths(machine, input.namespace);
const proxyOf = (namespace: string): string => `captive-portal.${namespace}`;
const serviceOf = (namespace: string): string => `captive-portal-service.${namespace}`;

/** As a user without any other right of root's, and no way to another. */
const withRights = ({ uid, gid }: { readonly uid: number; readonly gid: number }, ...rights: string[]): string[] => {
  const all = ['-all', ...rights.map((it) => `+${it}`)].join(',');
  return [
    ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', `--bounding-set=${all}`],
    ...[`--inh-caps=${all}`, `--ambient-caps=${all}`, '--no-new-privs'],
  ];
};

async function deliver(machine: Machine, { id, input: { namespace } }: Wanted): Promise<void> {
  await must(machine, id, ['ip', 'route', 'replace', 'local', 'default', 'dev', 'lo', 'table', TABLE], { namespace });
  const { stdout } = await machine.exec(['ip', 'rule', 'show'], { namespace });
  if (!stdout.includes(RULE.join(' '))) await must(machine, id, ['ip', 'rule', 'add', ...RULE], { namespace });
}

/** The proxy may answer in foreign names and on low ports; our service may change the packet filter of its namespace. */
async function start(machine: Machine, { input }: Wanted, stale: boolean): Promise<void> {
  const { namespace } = input;
  const paths = captivePortalPaths(machine, namespace);
  const before = await machine.supervisor.status(proxyOf(namespace));
  await machine.supervisor.ensure({
    ...{ name: proxyOf(namespace), namespace },
    argv: [...withRights(machine.users.proxy, 'net_raw', 'net_bind_service'), 'haproxy', '-db', '-f', paths.config],
  });
  // Whoever is signed in stays so; who is just typing comes to the page again.
  if (before?.up === true && stale) await machine.supervisor.signal(proxyOf(namespace), 'TERM');
  await machine.supervisor.ensure({
    ...{ name: serviceOf(namespace), namespace, env: compiledCode() },
    argv: [
      ...withRights(machine.users.vpn, 'net_admin'),
      ...[process.execPath, ...small, `${machine.home}/src/main/captive-portal.ts`, paths.input],
    ],
  });
}

const inForce = (machine: Machine, { id, input }: Wanted, hash: string): Promise<void> =>
  untilInForce({
    at: id,
    async look() {
      const status = await portalStatusAt(captivePortalPaths(machine, input.namespace).socket).catch(() => undefined);
      if (status === undefined) return 'its service does not answer';
      const { stdout } = await machine.exec(['ss', '-Hltn'], { namespace: input.namespace });
      const closed = [input.port, input.divertPort].find((it) => !new RegExp(`:${it}\\s`).test(stdout));
      if (closed !== undefined) return `nothing listens on port ${closed}`;
      return status.input === hash ? undefined : FORMER;
    },
    message: 'the captive portal did not start',
    fix: 'The previous state was restored. `vauban doctor` says where logs are.',
  });
