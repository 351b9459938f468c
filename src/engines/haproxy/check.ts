import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { certificateFile, filesOf } from './files.ts';
import type { Certificate, HaproxyInput } from './input.ts';
import { issuedFor } from './own.ts';
import { haproxyPaths, NO_STATES } from './paths.ts';
import { rejection } from './rejection.ts';

/** Asks the engine itself about the whole configuration, beside the one that is in force. */
export async function checkWith(machine: Machine, input: HaproxyInput): Promise<void> {
  await checkValidity(machine, input);
  const scratch = `${machine.run}/proxy-check-${randomBytes(4).toString('hex')}`;
  const paths = haproxyPaths({ run: scratch, state: scratch }, input.project);
  try {
    await mkdir(scratch, { recursive: true, mode: 0o700 });
    const files = filesOf(input, paths, machine.unseal, await issuedFor(machine, input));
    for (const [path, text] of files) await machine.writeFile(path, text, 0o600);
    await machine.writeFile(paths.states, NO_STATES, 0o600);
    const { code, stdout, stderr } = await machine.exec(['haproxy', '-c', '-f', paths.config]);
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
    if (now >= it.notBefore && now <= it.notAfter) continue;
    const known = await readFile(certificateFile(it.name, paths), 'utf8').catch(() => '');
    if (known.startsWith(it.chain.trimEnd())) continue;
    throw new Problem('ENGINE_REJECTED', {
      at: it.id,
      message: now < it.notBefore ? `it is not valid before ${day(it.notBefore)}` : `it ran out on ${day(it.notAfter)}`,
      fix: 'Nothing was changed. Name a certificate that is valid now.',
    });
  }
}

const day = (at: Certificate['notAfter']): string => new Date(at).toISOString().slice(0, 10);
