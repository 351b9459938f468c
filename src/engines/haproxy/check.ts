import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import { trustedFor, withoutMissingLists } from './clients.ts';
import { certificateFile, filesOf } from './files.ts';
import type { HaproxyInput } from './input.ts';
import { issuedForTrial } from './own.ts';
import { haproxyPaths, NO_STATES } from './paths.ts';
import { asProxy } from './process.ts';
import { rejection } from './rejection.ts';

/** Stands in for an authority that is not made yet. */
const TRIAL = { id: 'trial.clients', names: ['clients.invalid'], addresses: [] };

/** Asks the engine itself about the whole configuration, beside the one that is in force. */
export async function checkWith(machine: Machine, wanted: HaproxyInput): Promise<void> {
  await checkValidity(machine, wanted);
  const input = withoutMissingLists(machine, wanted);
  const scratch = `${machine.run}/proxy-check-${randomBytes(4).toString('hex')}`;
  const paths = haproxyPaths({ run: scratch, state: scratch }, input.project);
  try {
    const { gid } = machine.users.proxy;
    // The folders hand their group on: what is written into them the load balancer may read.
    const folders = [scratch, dirname(paths.folder), paths.folder, paths.maps, paths.certificates, paths.pages];
    await must(machine, input.project, ['install', '-d', '-m', '0711', machine.run]);
    await must(machine, input.project, ['install', '-d', '-o', '0', '-g', String(gid), '-m', '2750', ...folders]);
    const where = { machine, input, paths };
    const trusted = await trustedFor(where, async () => (await machine.authority.issue(TRIAL)).certificate);
    const files = filesOf(input, paths, machine.unseal, await issuedForTrial(where), trusted);
    for (const [path, text] of files) await machine.writeFile(path, text, 0o640);
    await machine.writeFile(paths.states, NO_STATES, 0o640);
    // As the user that it runs as: a configuration can name files, and what is wrong with them is told.
    const argv = [...asProxy(machine), 'haproxy', '-c', '-f', paths.config];
    const { code, stdout, stderr } = await machine.exec(argv);
    if (code !== 0) throw rejection(input, files.get(paths.config) ?? '', `${stdout}\n${stderr}`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A certificate that is in use already may run out; a new one must be valid. */
async function checkValidity(machine: Machine, input: HaproxyInput): Promise<void> {
  const paths = haproxyPaths(machine, input.project);
  const now = Date.now();
  for (const it of input.certificates) {
    const { chain = '', notBefore = 0, notAfter = Number.MAX_SAFE_INTEGER } = it;
    if (now >= notBefore && now <= notAfter) continue;
    const known = await readFile(certificateFile(it.name, paths), 'utf8').catch(() => '');
    if (known.startsWith(chain.trimEnd())) continue;
    throw new Problem('ENGINE_REJECTED', {
      at: it.id,
      message: now < notBefore ? `it is not valid before ${day(notBefore)}` : `it ran out on ${day(notAfter)}`,
      fix: 'Nothing was changed. Name a certificate that is valid now.',
    });
  }
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
