import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { type Deployment, openingKeyOf } from '#core/deployment.ts';
import { Door } from '#core/joining.ts';
import { asProblem, Problem } from '#core/problem.ts';
import { Name } from '#core/resource.ts';
import { enrol } from '#host/enrol.ts';
import { writeFile } from '#host/files.ts';
import { requireLock } from '#host/lock.ts';
import { lineFileOf, membershipOf, membershipPaths } from '#host/membership.ts';
import { ownCertificate } from '#host/own-certificate.ts';
import { ensureUsers } from '#host/users.ts';
import { opened, proofOf } from '#lib/token-box.ts';
import { ensureHost, ensureScan } from './deployment.ts';
import { type Finding, requireFit } from './doctor.ts';
import { takeDown } from './down.ts';
import { installPackages } from './install.ts';
import { ensureProgram } from './program.ts';

/** Another machine of a deployment: it has a supervisor and a host agent, and control stands elsewhere. */

type Say = (text: string) => void;

/** What is carried to the other machine by hand. Whoever has it can be that machine, until it is used. */
const JoinToken = z.strictObject({ machine: Name, door: Door, secret: z.string().regex(/^[\w-]{43}$/) });
export type JoinToken = z.infer<typeof JoinToken>;

const PREFIX = 'vbnm_';

export const joinTokenText = (it: JoinToken): string =>
  `${PREFIX}${Buffer.from(JSON.stringify(it)).toString('base64url')}`;

/** Throws INVALID_REQUEST for anything else. */
export function joinTokenIn(text: string): JoinToken {
  try {
    if (!text.startsWith(PREFIX)) throw new SyntaxError();
    return JoinToken.parse(JSON.parse(Buffer.from(text.slice(PREFIX.length), 'base64url').toString('utf8')));
  } catch (cause) {
    throw new Problem('INVALID_REQUEST', {
      at: 'token',
      message: 'that is not a token for joining, or not all of it',
      fix: 'Copy the whole line that `vauban machines token NAME` printed, where control stands.',
      cause,
    });
  }
}

/** The address of this machine from which others are reached; undefined without any network. */
export function ownAddress(): string | undefined {
  const { stdout } = spawnSync('ip', ['-json', '-4', 'route', 'get', '192.0.2.1'], { encoding: 'utf8' });
  try {
    return (JSON.parse(stdout) as { prefsrc?: string }[])[0]?.prefsrc;
  } catch {
    return undefined;
  }
}

/** Joins, starts what a machine needs, and gives its name once control is reached. */
export async function join(deployment: Deployment, text: string, say: Say): Promise<string> {
  const { machine, door, secret } = joinTokenIn(text);
  if (existsSync(deployment.controlState) || (await membershipOf(deployment)) !== undefined) {
    throw new Problem('ALREADY_EXISTS', {
      at: deployment.state,
      message: 'there is a deployment already, or a machine of one',
      fix: 'Choose another folder with --state, or leave with `vauban machines leave` (`vauban down --purge`) first.',
    });
  }
  installPackages(say);
  requireFit();
  ensureUsers();
  await mkdir(deployment.state, { recursive: true, mode: 0o755 });
  await mkdir(deployment.hostState, { recursive: true, mode: 0o711 });
  const paths = membershipPaths(deployment);
  const own = await ownCertificate(paths, `Vauban machine ${machine}`);
  say(`asking control at ${door.address}:${door.port}`);
  const answer = await enrol({ door, ...own }, { type: 'join', machine, proof: proofOf(secret) });
  if (answer.type !== 'joined') throw new RangeError('control answered something else');
  await writeFile(openingKeyOf(deployment), opened(secret, answer.box), 0o600);
  await writeFile(paths.membership, JSON.stringify({ machine, door }), 0o600);
  await startMember(deployment, say);
  return machine;
}

/** Supervisor and host agent; does nothing that has been done already. Gives whether control is reached. */
export async function startMember(deployment: Deployment, say: Say): Promise<boolean> {
  installPackages(say);
  requireFit();
  ensureUsers();
  for (const folder of [deployment.run, deployment.scan]) await mkdir(folder, { recursive: true, mode: 0o755 });
  const lock = requireLock(`${deployment.state}/.lock`, '`vauban up` or `vauban down`');
  try {
    const program = ensureProgram(deployment);
    await rm(lineFileOf(deployment), { force: true });
    await ensureScan(deployment);
    await ensureHost(deployment, program);
    const trouble = await lineTrouble(deployment);
    if (trouble !== undefined) say(`control is not reached yet, it is tried again and again: ${trouble}`);
    return trouble === undefined;
  } finally {
    lock.release();
  }
}

/** Undefined: it is there. Else why it is not, half a minute later; the host agent goes on trying. */
async function lineTrouble(deployment: Deployment): Promise<string | undefined> {
  let last = 'the host agent did not start';
  for (let tries = 0; tries < 300; tries++) {
    const path = lineFileOf(deployment);
    if (existsSync(path)) last = readFileSync(path, 'utf8');
    if (last === 'connected') return undefined;
    await sleep(100);
  }
  return last;
}

/** What `doctor` says of the line to control; nothing where control stands on this machine. */
export async function lineFindings(deployment: Deployment): Promise<Finding[]> {
  const member = await membershipOf(deployment);
  if (member === undefined) return [];
  const { machine, door } = member.membership;
  const path = lineFileOf(deployment);
  const line = existsSync(path) ? readFileSync(path, 'utf8') : 'the host agent does not run';
  const text = `this machine is ${machine}; control at ${door.address}:${door.port}: ${line}`;
  return [{ part: 'control', state: line === 'connected' ? 'ok' : 'warning', text }];
}

/** Tells control, and gives everything back. `force`: also when something stands here, or control does not answer. */
export async function leave(
  deployment: Deployment,
  { force, say }: { readonly force: boolean; readonly say: Say },
): Promise<string> {
  const member = await membershipOf(deployment);
  if (member === undefined) {
    throw new Problem('NOT_FOUND', {
      at: deployment.state,
      message: 'this is not a machine that has joined a deployment',
      fix: '`vauban down` stops a deployment of this machine itself.',
    });
  }
  const { key, certificate, membership } = member;
  await enrol({ door: membership.door, key, certificate }, { type: 'leave', force }).catch((error: unknown) => {
    const problem = asProblem(error);
    if (!force || problem.code !== 'HOST_UNREACHABLE') throw problem;
    say(`${problem.message}; there, \`vauban machines remove ${membership.machine} --force\` forgets it`);
  });
  await takeDown(deployment, { purge: true, say });
  return membership.machine;
}
