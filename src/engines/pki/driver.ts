import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { removeTree } from '#core/run.ts';
import { inTurn } from '../turns.ts';
import { answer } from './ask.ts';
import { authorityAt, damageOf, mustRenew, type Place } from './authority.ts';
import { applyExternal, checkExternal, externalLack } from './external.ts';
import { type InternalInput, PkiInput } from './input.ts';
import { crlLack, isSettled, issued, lackOf, orderOf, revoked, withCrl, withoutUnwanted } from './issue.ts';
import { formerOf, restoredFile, takeUp } from './kept.ts';
import { fileHash, identityOf, readLedger, textHash } from './ledger.ts';
import { observeExternal, observeInternal } from './observe.ts';
import { pkiPaths } from './paths.ts';
import { steered } from './steer.ts';

/** Certificate authorities of projects: their private keys are made here, and leave this machine in a backup only. */
export const pkiEngine = defineEngine<PkiInput>({
  name: 'pki',
  input: PkiInput,

  async check(machine, { id, input }) {
    const { code } = await machine.exec(['openssl', 'version']);
    if (code === 127)
      throw new Problem('HOST_UNFIT', {
        at: id,
        message: 'openssl is not on this machine',
        fix: 'Install openssl.',
      });
    if (input.type === 'external') return checkExternal(machine, input);
    if (existsSync(restoredFile(machine, input.authority))) return;
    const known = await readLedger(pkiPaths(machine, input.authority));
    if (known === undefined || known.authority.identity === identityOf(input)) return;
    throw new Problem('ENGINE_REJECTED', {
      at: input.resource,
      message: 'an authority keeps its name and its kind of key as long as it lives: others know it by them',
      fix: 'Declare another authority beside it, lead what uses the old one to it, then delete the old one.',
    });
  },

  async apply(machine, { input }) {
    const place = placeFor(machine, input);
    await inTurn(place.paths.folder, async () => {
      if (input.type === 'external') return applyExternal(machine, input, place.paths);
      await removeScratch(place);
      await takeUp(place, machine, input.authority);
      await converge(place, input);
    });
  },

  /** Nothing runs. Its key and what it issued are kept until nothing can bring it back. */
  async remove() {},

  async discard(machine, held) {
    const { paths } = placeFor(machine, held.input);
    await inTurn(paths.folder, async () => {
      for (const it of [paths.published, paths.publishedCertificate]) await rm(it, { force: true });
      await removeTree(machine, held.id, paths.folder);
      for (const it of await formerOf(paths)) await removeTree(machine, held.id, it);
    });
  },

  async due(machine, { input }) {
    const place = placeFor(machine, input);
    if (input.type === 'external') return externalLack(machine, input, place.paths);
    if (existsSync(restoredFile(machine, input.authority))) return 'a backup of it was restored';
    return lack(place, input);
  },

  observe: (machine, held) => {
    const { paths, now } = placeFor(machine, held.input);
    return held.input.type === 'external'
      ? observeExternal(machine, held, { input: held.input, now })
      : observeInternal(held, held.input, { paths, now });
  },

  async steer(machine, { input }, to) {
    const place = placeFor(machine, input);
    await inTurn(place.paths.folder, () => steered(place, input, to));
  },

  ask: (machine, { input }, asked) => {
    const place = placeFor(machine, input);
    return inTurn(place.paths.folder, () => answer(place, input, asked));
  },
});

export const placeFor = (machine: Machine, { authority }: Pick<Artifact<PkiInput>['input'], 'authority'>): Place => ({
  tool: machine,
  paths: pkiPaths(machine, authority),
  now: Date.now(),
});

async function converge(place: Place, input: InternalInput): Promise<void> {
  let ledger = await authorityAt(place, input);
  for (const it of input.certificates) {
    ledger =
      it.revoked === undefined
        ? await issued(place, ledger, orderOf(it, input))
        : await revoked(place, ledger, { id: it.id, origin: 'declared', reason: it.revoked });
  }
  ledger = await withoutUnwanted(place, ledger, new Set(input.certificates.map((it) => it.id)));
  await withCrl(place, ledger, input.crlDays);
}

/** What a death left half made. */
async function removeScratch({ paths }: Place): Promise<void> {
  for (const name of await readdir(paths.folder).catch(() => []))
    if (name.startsWith('scratch-')) await rm(`${paths.folder}/${name}`, { recursive: true, force: true });
}

/** Why it is to be applied once more, in words. */
async function lack(place: Place, input: InternalInput): Promise<string | undefined> {
  const ledger = await readLedger(place.paths);
  if (ledger === undefined) return 'the authority is not there';
  const damage = await damageOf(place, ledger, input);
  if (damage !== undefined) return damage;
  if (mustRenew(place, ledger, input)) return 'the authority’s certificate is soon over';
  if ((await fileHash(place.paths.publishedCertificate)) !== textHash(ledger.authority.certificate))
    return 'the authority’s certificate was changed where others read it';
  for (const it of input.certificates) {
    const why = it.revoked === undefined ? await lackOf(place, ledger, orderOf(it, input)) : undefined;
    if (why !== undefined) return `certificate ${it.id}: ${why}`;
  }
  if (ledger.entries.some((it) => isSettled(it, place.now))) return 'what was deleted a day ago is revoked for good';
  const why = await crlLack(place, ledger, input.crlDays);
  return why === undefined ? undefined : `revocation list: ${why}`;
}
