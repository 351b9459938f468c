import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { run } from '#host/exec.ts';
import { writeFile } from '#host/files.ts';
import { pkiEngine } from './driver.ts';
import type { PkiInput } from './input.ts';
import { type KeptAuthority, keptAuthority, restoredFile } from './kept.ts';
import { readLedger, withdrawnOf } from './ledger.ts';
import { authority, server, type World, world } from './pki.fixture.ts';

/** A machine that dies at its nth step, and does nothing after that: whatever was written is there, the rest is not. */
function dying(machine: Machine, steps: number): { readonly machine: Machine; readonly died: () => boolean } {
  let left = steps;
  const step = <A extends unknown[], R>(work: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (left-- > 0) return work(...args);
      throw new Error('dead');
    };
  };
  return {
    machine: { ...machine, exec: step(machine.exec), writeFile: step(machine.writeFile) },
    died: () => left < 0,
  };
}

const now = authority();
const revoked = authority([server({ revoked: 'keyCompromise' }), server({ id: 'other', names: ['o.example.com'] })]);

async function isWhole(at: World, held: Artifact<PkiInput>): Promise<void> {
  expect(await pkiEngine.due?.(at.machine, held)).toBeUndefined();
  const ledger = await readLedger(at.paths);
  const listed = await run(['openssl', 'crl', '-in', at.paths.crl, '-noout', '-text']);
  const serials = [...listed.stdout.matchAll(/Serial Number: ([0-9A-F]+)/g)].map(([, it]) => it);
  expect(serials.toSorted()).toEqual(
    withdrawnOf(ledger as NonNullable<typeof ledger>, Date.now()).map((it) => it.serial),
  );
  if (held.input.type !== 'internal') return;
  for (const { id, revoked: reason } of held.input.certificates) {
    if (reason !== undefined) continue;
    const it = new X509Certificate(readFileSync(at.paths.issued(id).certificate));
    expect(it.verify(new X509Certificate(readFileSync(at.paths.certificate)).publicKey)).toBe(true);
    // Nothing is anywhere that the ledger does not know.
    expect(ledger?.entries.map((entry) => entry.serial)).toContain(it.serialNumber);
  }
}

/** Dies at every step of the change in turn; whoever comes next brings it to its end. */
async function everywhere(prepare: (at: World) => Promise<void>, wanted: Artifact<PkiInput>): Promise<number> {
  for (let steps = 0; steps < 100; steps++) {
    const at = await world();
    try {
      await prepare(at);
      const { machine, died } = dying(at.machine, steps);
      await pkiEngine.apply(machine, wanted, undefined).catch(() => {});
      await pkiEngine.apply(at.machine, wanted, undefined);
      await isWhole(at, wanted);
      if (!died()) return steps;
    } finally {
      await at.end();
    }
  }
  throw new Error('it never came to its end');
}

test('after a death at any step of its making an authority is whole at the next start', async () => {
  expect(await everywhere(async () => {}, now)).toBeGreaterThan(10);
}, 60_000);

test('after a death at any step of a revocation what is revoked is on the list at the next start', async () => {
  expect(await everywhere((at) => pkiEngine.apply(at.machine, now, undefined), revoked)).toBeGreaterThan(10);
}, 60_000);

test('after a death at any step of taking up a backup the authority of the backup is there at the next start', async () => {
  const origin = await world();
  try {
    await pkiEngine.apply(origin.machine, now, undefined);
    const kept = (await keptAuthority(origin.machine, 'lab.vpn')) as KeptAuthority;
    const web = readFileSync(origin.paths.issued('certificate.web').certificate, 'utf8');
    await everywhere(async (at) => {
      await pkiEngine.apply(at.machine, now, undefined);
      await writeFile(restoredFile(at.machine, 'lab.vpn'), JSON.stringify(kept), 0o600);
    }, now);
    const at = await world();
    await writeFile(restoredFile(at.machine, 'lab.vpn'), JSON.stringify(kept), 0o600);
    await pkiEngine.apply(dying(at.machine, 3).machine, now, undefined).catch(() => {});
    await pkiEngine.apply(at.machine, now, undefined);
    expect(readFileSync(at.paths.issued('certificate.web').certificate, 'utf8')).toBe(web);
    await at.end();
  } finally {
    await origin.end();
  }
}, 60_000);
