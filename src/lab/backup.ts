import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { type Cli, clientOf, deploymentOf, type Target } from '#cli/context.ts';
import { printDifference } from '#cli/difference.ts';
import { passphraseOf } from '#cli/passphrase.ts';
import { follow } from '#cli/progress.ts';
import { agreed } from '#cli/verbs/change.ts';
import type { Client } from '#client/client.ts';
import type { Operation } from '#control/operations.ts';
import { openingKeyOf } from '#core/deployment.ts';
import { Problem } from '#core/problem.ts';
import { LOCKED_LIMIT, lock, unlock } from '#lib/locked.ts';
import { unseal } from '#lib/seal.ts';
import { count } from '#lib/text.ts';
import { Backup, type Configuration, type ConfigurationLine, LINES, linesOf } from '#plan/backup.ts';
import type { Difference } from '#plan/difference.ts';
import { opened } from '#plan/secrets.ts';
import {
  authoritiesToLay,
  keptAuthorities,
  keptProfileKeys,
  layDown,
  profileKeysToLay,
  takeBack,
  takenUp,
} from './kept.ts';
import { requireRoot } from './up.ts';

export interface BackupFlags extends Pick<Target, 'state'> {
  readonly passphraseFile?: string;
}

export interface RestoreFlags extends BackupFlags {
  readonly dryRun: boolean;
  readonly yes: boolean;
}

export async function backup(this: Cli, flags: BackupFlags, file: string): Promise<void> {
  requireRoot('backup');
  const passphrase = await passphraseOf(this, flags.passphraseFile, true);
  const found = await configurationFrom(clientOf(this, flags));
  const deployment = deploymentOf(this, flags);
  const content: Backup = {
    version: 1,
    time: new Date().toISOString(),
    revision: found.revision,
    resources: withSecrets(found.resources, readFileSync(openingKeyOf(deployment), 'utf8')),
    choices: found.choices,
    authorities: await keptAuthorities(deployment, found),
    profileKeys: await keptProfileKeys(deployment, found),
  };
  const locked = await lock(Buffer.from(JSON.stringify(content)), passphrase);
  if (locked.length > LOCKED_LIMIT) throw tooLarge(file, 'Delete what is not needed any more, then make the backup.');
  try {
    // Never over another backup, and nobody else's to read.
    writeFileSync(file, locked, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Problem('INVALID_REQUEST', { at: file, message, fix: 'Name a file that is not there yet.', cause });
  }
  this.print(`Revision ${found.revision}, ${count(found.resources.length, 'resource')}, is in ${file}.`);
  this.print('Without the passphrase nobody can read it again.');
}

async function configurationFrom(client: Client): Promise<Configuration & { readonly revision: number }> {
  const found: Configuration & { revision: number } = { revision: 0, resources: [], choices: [] };
  for await (const text of client.lines('/v1/backup', LINES)) {
    const line = JSON.parse(text) as ConfigurationLine & { readonly revision?: number };
    if (line.revision !== undefined) found.revision = line.revision;
    if (line.resource !== undefined) found.resources.push(line.resource);
    if (line.choice !== undefined) found.choices.push(line.choice);
  }
  return found;
}

/** Opened here, as root, on its way into a locked file: control cannot do it, and never sees it. */
const withSecrets = (resources: Configuration['resources'], openingKey: string): Configuration['resources'] =>
  resources.map((it) => {
    const { project, kind, name, spec } = opened({ ...it, spec: it.spec, assigned: undefined }, (value, place) =>
      unsealed(openingKey, value, place),
    );
    return { project, kind, name, spec };
  });

function unsealed(openingKey: string, value: string, place: string): string {
  try {
    return unseal(openingKey, value, place);
  } catch (cause) {
    throw new Problem('UNMET', {
      at: place,
      message: 'this secret cannot be opened on this machine',
      fix: 'Declare it again, then make the backup.',
      cause,
    });
  }
}

export async function restore(this: Cli, flags: RestoreFlags, file: string): Promise<void> {
  requireRoot('restore');
  const deployment = deploymentOf(this, flags);
  const { resources, choices, time, revision, ...rest } = await contentOf(this, file, flags.passphraseFile);
  const authorities = await authoritiesToLay(deployment, rest.authorities);
  const laid = [...authorities, ...(await profileKeysToLay(deployment, rest.profileKeys))];
  this.note(`Revision ${revision} of ${time}: ${count(resources.length, 'resource')}.`);
  const client = clientOf(this, flags);
  const lines = () => linesOf({ resources, choices });
  const difference = await client.postLines<Difference>('/v1/restore?dryRun=true', LINES, lines());
  printDifference(this, difference);
  const isSame = difference.resources.length + difference.artifacts.length === 0;
  if (authorities.length > 0)
    this.print(
      `${count(authorities.length, 'certificate authority', 'certificate authorities')} with what they issued.`,
    );
  if (flags.dryRun || (isSame && laid.length === 0)) return;
  await agreed(this, flags.yes);
  await layDown(laid);
  try {
    if (!isSame) {
      const { operation } = await client.postLines<{ operation: Operation }>('/v1/restore', LINES, lines());
      const done = await follow(this, client, operation);
      this.print(`Revision ${done.revision} is in force.`);
    }
  } catch (error) {
    await takeBack(laid);
    throw error;
  }
  if (!(await takenUp(laid)))
    this.note('The host agent has not taken up all keys yet; `vauban checks` says how it is doing.');
}

async function contentOf(cli: Cli, file: string, passphraseFile: string | undefined): Promise<Backup> {
  const locked = lockedIn(file);
  const passphrase = await passphraseOf(cli, passphraseFile, false);
  try {
    return Backup.parse(JSON.parse((await unlock(locked, passphrase)).toString('utf8')));
  } catch (cause) {
    throw new Problem('INVALID_DOCUMENT', {
      at: file,
      message: cause instanceof RangeError ? cause.message : 'it is a backup of another version of Vauban',
      fix: 'Try the passphrase again, or another copy of the file. Nothing was changed.',
      cause,
    });
  }
}

function lockedIn(file: string): Buffer {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined)
    throw new Problem('NOT_FOUND', {
      at: file,
      message: 'there is no such file',
      fix: 'Name a file of `vauban backup`.',
    });
  if (size <= LOCKED_LIMIT) return readFileSync(file);
  throw tooLarge(file, 'Name a file of `vauban backup`.');
}

const tooLarge = (at: string, fix: string): Problem =>
  new Problem('BODY_TOO_LARGE', { at, message: `larger than ${LOCKED_LIMIT} bytes`, fix });
