import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Deployment, openingKeyOf, type Settings, sealingKeysOf } from '#core/deployment.ts';
import type { SystemUser } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { namespaceOf } from '#host/machine.ts';
import { s6Supervisor } from '#host/supervisor.ts';
import { newSealingKeys } from '#lib/seal.ts';
import type { Program } from './program.ts';

/** Folders, certificate, token and settings; what is there already is kept. */
export function ensureState(deployment: Deployment, ids: SystemUser, settings: Settings): void {
  mkdirSync(deployment.state, { recursive: true, mode: 0o755 });
  mkdirSync(deployment.hostState, { recursive: true, mode: 0o711 });
  chmodSync(deployment.hostState, 0o711);
  mkdirSync(deployment.run, { recursive: true, mode: 0o755 });
  mkdirSync(deployment.scan, { recursive: true, mode: 0o755 });
  for (const folder of [deployment.controlState, deployment.apiFolder]) mkdirSync(folder, { recursive: true });
  chownSync(deployment.controlState, ids.uid, ids.gid);
  chmodSync(deployment.controlState, 0o700);
  chmodSync(deployment.apiFolder, 0o755);
  writeFileSync(`${deployment.state}/settings.json`, `${JSON.stringify(settings)}\n`);
  ensureToken(deployment, ids);
  ensureCertificate(deployment, ids, settings);
  ensureSealing(deployment, ids);
}

/** Control can seal secrets and the host agent can open them; both halves are made together, once. */
function ensureSealing(deployment: Deployment, ids: SystemUser): void {
  const opening = openingKeyOf(deployment);
  const sealing = sealingKeysOf(deployment);
  if (existsSync(opening) && existsSync(sealing)) return;
  const keys = newSealingKeys();
  writeFileSync(opening, keys.opening, { mode: 0o600 });
  writeFileSync(sealing, JSON.stringify(keys.sealing), { mode: 0o600 });
  chownSync(sealing, ids.uid, ids.gid);
}

function ensureToken(deployment: Deployment, ids: SystemUser): void {
  const own = `${deployment.apiFolder}/admin.token`;
  if (!existsSync(own)) writeFileSync(own, `vbn_${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  const theirs = `${deployment.controlState}/admin.token`;
  writeFileSync(theirs, readFileSync(own), { mode: 0o600 });
  chownSync(theirs, ids.uid, ids.gid);
}

/** A certificate for the API of this deployment, which the command line trusts and nothing else has to. */
function ensureCertificate(deployment: Deployment, ids: SystemUser, { host }: Settings): void {
  const key = `${deployment.apiFolder}/server.key`;
  const certificate = `${deployment.apiFolder}/server.crt`;
  const valid =
    existsSync(certificate) &&
    spawnSync('openssl', ['x509', '-in', certificate, '-noout', '-checkend', '2592000', '-checkip', host]).status === 0;
  if (!valid || !existsSync(key)) {
    const made = spawnSync(
      'openssl',
      [
        ...[
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-days',
          '825',
          '-sha256',
        ],
        ...['-subj', `/CN=vauban ${deployment.id}`, '-addext', `subjectAltName=IP:${host},DNS:localhost`],
        ...['-keyout', key, '-out', certificate],
      ],
      { encoding: 'utf8' },
    );
    if (made.status !== 0)
      throw new Problem('HOST_UNFIT', { at: 'openssl', message: made.stderr.trim(), fix: 'Install openssl.' });
  }
  chmodSync(key, 0o640);
  chownSync(key, 0, ids.gid);
  chmodSync(certificate, 0o644);
}

const supervisorOf = (deployment: Deployment) =>
  s6Supervisor({
    scan: deployment.scan,
    definitions: `${deployment.run}/services`,
    logs: `${deployment.hostState}/logs`,
    namespace: (name) => namespaceOf(deployment.id, name),
  });

/** Whether s6-svscan watches the deployment's folder. */
export const scanIsUp = (deployment: Deployment): boolean =>
  spawnSync('s6-svscanctl', ['-z', deployment.scan]).status === 0;

/** The supervision tree: its own session, no terminal, our parent's death does not concern it. */
export async function ensureScan(deployment: Deployment): Promise<void> {
  if (scanIsUp(deployment)) return;
  // Nothing of whoever starts it goes on in what it starts, least of all where to find code.
  const env = { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };
  const child = spawn('s6-svscan', [deployment.scan], { detached: true, stdio: 'ignore', env });
  child.unref();
  for (let tries = 0; tries < 100 && !scanIsUp(deployment); tries++) await sleep(20);
  if (!scanIsUp(deployment))
    throw new Problem('HOST_UNFIT', {
      at: 's6-svscan',
      message: 'it did not start',
      fix: '`s6-svscan` must be installed (Debian package s6).',
    });
}

/** Host and control under supervision; another version of the program restarts them, and nothing else. */
export async function ensureProcesses(
  deployment: Deployment,
  ids: SystemUser,
  { home, node: path, environment: ours }: Program,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  await ensureHost(deployment, { home, node: path, environment: { ...ours, ...environment } });
  const node = [path, '--disable-warning=ExperimentalWarning'];
  await supervisorOf(deployment).ensure({
    name: 'vauban-control',
    argv: [
      'setpriv',
      `--reuid=${ids.uid}`,
      `--regid=${ids.gid}`,
      '--clear-groups',
      '--inh-caps=-all',
      '--no-new-privs',
      ...node,
      `${home}/src/main/control.ts`,
      deployment.state,
    ],
    env: ours,
  });
}

/** The host agent under supervision. */
export async function ensureHost(deployment: Deployment, { home, node, environment }: Program): Promise<void> {
  await supervisorOf(deployment).ensure({
    name: 'vauban-host',
    // It has little to remember; a small nursery keeps it small.
    argv: [
      ...[node, '--disable-warning=ExperimentalWarning', '--max-semi-space-size=2'],
      ...[`${home}/src/main/host.ts`, deployment.state],
    ],
    env: environment,
  });
}

/** Whether one of our processes is under supervision, up or not. */
export const isSupervised = async (deployment: Deployment, name: 'vauban-control' | 'vauban-host'): Promise<boolean> =>
  (await supervisorOf(deployment).status(name)) !== undefined;

export async function stopProcess(deployment: Deployment, name: 'vauban-control' | 'vauban-host'): Promise<void> {
  if (existsSync(deployment.scan)) await supervisorOf(deployment).remove(name);
}

/** Stops control and host, then the supervision tree itself. */
export async function stopProcesses(deployment: Deployment): Promise<void> {
  if (existsSync(deployment.scan)) {
    const supervisor = supervisorOf(deployment);
    for (const name of ['vauban-control', 'vauban-host']) await supervisor.remove(name);
    if (scanIsUp(deployment)) {
      spawnSync('s6-svscanctl', ['-t', deployment.scan]);
      for (let tries = 0; tries < 250 && scanIsUp(deployment); tries++) await sleep(20);
    }
  }
  rmSync(deployment.run, { recursive: true, force: true });
}
