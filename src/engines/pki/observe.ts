import { X509Certificate } from 'node:crypto';
import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { count } from '#lib/text.ts';
import type { Place } from './authority.ts';
import { blocksIn } from './external.ts';
import type { ExternalInput, InternalInput, PkiInput } from './input.ts';
import { currentOf, type Ledger, readLedger, textHash } from './ledger.ts';
import type { Validity } from './openssl.ts';
import { lastingOf, validityOf } from './status.ts';

/** Ends of certificates under the resources that they belong to: milliseconds since 1970, and words when one is near. */

const day = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** Undefined while the end is far away. */
function words(what: string, it: Validity, now: number): string | undefined {
  const lasting = lastingOf(it, now);
  if (lasting === 'VALID')
    return it.from > now ? `${what} counts only from ${day(it.from)}: is the clock right?` : undefined;
  return lasting === 'EXPIRED' ? `${what} ended on ${day(it.until)}` : `${what} ends on ${day(it.until)}`;
}

const told = (list: readonly (readonly [string, string | undefined])[]): Readonly<Record<string, string>> =>
  Object.fromEntries(list.flatMap(([key, text]) => (text === undefined ? [] : [[key, text]])));

export async function observeInternal(
  held: Artifact<PkiInput>,
  input: InternalInput,
  { paths, now }: Pick<Place, 'paths' | 'now'>,
): Promise<Observation> {
  const ledger = await readLedger(paths);
  if (ledger === undefined) return { artifact: held.id, state: 'failed', detail: 'the authority is gone', values: {} };
  const { authority, crl } = ledger;
  const declared = input.certificates.flatMap(({ id, resource, revoked }) => {
    const current = currentOf(ledger, 'declared', id);
    return resource === undefined || current === undefined
      ? []
      : [{ resource, current, isRevoked: revoked !== undefined }];
  });
  return {
    artifact: held.id,
    state: 'ready',
    values: {
      [input.resource]: {
        expireTime: authority.until,
        crlExpireTime: crl.until,
        certificates: ledger.entries.filter((it) => it.withdrawn === undefined && it.until > now).length,
        revoked: ledger.entries.filter((it) => it.withdrawn !== undefined).length,
      },
      ...Object.fromEntries(
        declared.map((it) => [it.resource, { expireTime: it.current.until, revoked: it.isRevoked ? 1 : 0 }]),
      ),
    },
    details: told([
      [input.resource, words('its own certificate', authority, now) ?? endingOf(ledger, now)],
      ...declared.filter((it) => !it.isRevoked).map((it) => [it.resource, words('it', it.current, now)] as const),
    ]),
  };
}

/** Those of people are not renewed by themselves: they hold a file. */
function endingOf(ledger: Ledger, now: number): string | undefined {
  const soon = ledger.entries.filter(
    (it) =>
      it.origin === 'demand' &&
      it.withdrawn === undefined &&
      it.superseded === undefined &&
      lastingOf(it, now) === 'EXPIRES_SOON',
  );
  if (soon.length === 0) return undefined;
  const names = soon.slice(0, 3).map((it) => it.id);
  return `${count(soon.length, 'certificate')} of people ${soon.length === 1 ? 'ends' : 'end'} soon: ${names.join(', ')}${soon.length > 3 ? ', …' : ''}`;
}

export async function observeExternal(
  machine: Pick<Machine, 'exec'>,
  held: Artifact<PkiInput>,
  { input, now }: { readonly input: ExternalInput; readonly now: number },
): Promise<Observation> {
  const validity = (pem: string): Validity => validityOf(new X509Certificate(blocksIn(pem)[0] ?? pem));
  const own = validity(input.certificate);
  const crl = input.crl === undefined ? undefined : await endOfCrl(machine, input.crl);
  const imported = input.imported.map((it) => ({ resource: it.resource, validity: validity(it.certificate) }));
  return {
    artifact: held.id,
    state: 'ready',
    values: {
      [input.resource]: {
        expireTime: own.until,
        certificates: imported.length,
        ...(crl === undefined ? {} : { crlExpireTime: crl.until }),
      },
      ...Object.fromEntries(imported.map((it) => [it.resource, { expireTime: it.validity.until, revoked: 0 }])),
    },
    details: told([
      [
        input.resource,
        words('its own certificate', own, now) ??
          (crl === undefined ? undefined : words('its revocation list', crl, now)),
      ],
      ...imported.map((it) => [it.resource, words('it', it.validity, now)] as const),
    ]),
  };
}

const lastCrls = new Map<string, Validity>();

/** It stays what it is: openssl is asked once for each. */
async function endOfCrl(machine: Pick<Machine, 'exec'>, crl: string): Promise<Validity | undefined> {
  const key = textHash(crl);
  const known = lastCrls.get(key);
  if (known !== undefined) return known;
  const argv = ['openssl', 'crl', '-noout', '-lastupdate', '-nextupdate'];
  const { stdout } = await machine.exec(argv, { stdin: blocksIn(crl, 'X509 CRL')[0] ?? '' });
  const time = (what: string) => Date.parse(new RegExp(`^${what}=(.+)$`, 'm').exec(stdout)?.[1] ?? '');
  const it = { from: time('lastUpdate'), until: time('nextUpdate') };
  // One without an end.
  if (Number.isNaN(it.from) || Number.isNaN(it.until)) return undefined;
  if (lastCrls.size > 100) lastCrls.clear();
  lastCrls.set(key, it);
  return it;
}
