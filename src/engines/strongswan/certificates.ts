import { readFile } from 'node:fs/promises';
import type { Machine } from '#core/machine.ts';
import { hashOf } from '#lib/hash.ts';
import { pkiHash, pkiPaths } from '../pki/paths.ts';
import type { Connection, OpenConnection, StrongswanInput } from './input.ts';

type Named = NonNullable<Connection['certificate']>;

/** What the engine `pki` has made, as charon takes it. A list of what is revoked may be none. */
export async function certificateOf(
  machine: Pick<Machine, 'state'>,
  { authority, id, trusted }: Named,
): Promise<NonNullable<OpenConnection['certificate']>> {
  const ours = pkiPaths(machine, authority).issued(id);
  const theirs = pkiPaths(machine, trusted);
  const read = (path: string): Promise<string> => readFile(path, 'utf8');
  return {
    own: await read(ours.certificate),
    key: await read(ours.key),
    trusted: await read(theirs.certificate),
    revoked: await read(theirs.crl).catch(() => ''),
  };
}

/** Another text means that something of this has changed. */
export async function certificatesHash(
  machine: Pick<Machine, 'state'>,
  { connections }: StrongswanInput,
): Promise<string> {
  const hashes = connections.map(async ({ certificate: it }) =>
    it === undefined
      ? ''
      : [await pkiHash(pkiPaths(machine, it.authority), [it.id]), await pkiHash(pkiPaths(machine, it.trusted))],
  );
  return hashOf(await Promise.all(hashes));
}
