import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import type { Authority, Issued, IssueRequest } from '#core/machine.ts';
import { failure, inScratch, type Leaf, makeKey, signItself, signLeaf } from '#engines/pki/openssl.ts';
import { inTurn } from '#engines/turns.ts';
import { run } from './exec.ts';
import { writeFile } from './files.ts';

/** Days: of the authority itself, of what it issues, and how long before its end a certificate is issued anew. */
const LIFE = { authority: 3650, issued: 397, renewal: 60 } as const;

const DAY = 86_400_000;

/**
 * The certificate authority of a deployment: the lab's hosts and the engines trust it, nobody else has to. Its key is made
 * at the first use and stays in this folder, which is root's alone. X.509 is openssl's business.
 */
export function authorityIn(folder: string, deployment: string, now: () => number = Date.now): Authority {
  const paths = { key: `${folder}/authority.key`, certificate: `${folder}/authority.crt` };
  // Two callers at once must not make two authorities, nor two certificates of one id.
  const alone = <T>(work: () => Promise<T>): Promise<T> => inTurn(folder, work);

  const ensure = async (): Promise<string> => {
    const known = await read(paths.certificate);
    const hasKey = (await read(paths.key)) !== undefined;
    if (known !== undefined && hasKey && daysLeft(known, now()) > LIFE.issued + LIFE.renewal) return known;
    return inScratch(folder, async (scratch) => {
      // With the same key under the same name: what was issued before is good under either, whichever one a host trusts.
      const key = hasKey ? paths.key : `${scratch}/authority.key`;
      const out = `${scratch}/authority.crt`;
      const subject = { organization: 'Vauban', commonName: `Vauban ${deployment} authority` };
      if (!hasKey) await makeKey(tool, KEY, key);
      await signItself(tool, { scratch, key, subject, out, ...lasting(now(), LIFE.authority) });
      if (!hasKey) await rename(key, paths.key);
      await rename(out, paths.certificate);
      return readFile(paths.certificate, 'utf8');
    });
  };

  const issue = async (wanted: IssueRequest): Promise<Issued> => {
    const authority = await ensure();
    const place = `${folder}/issued/${wanted.id}`;
    const known = await issuedAt(place);
    if (known !== undefined && isGood(known, wanted, authority, now())) return known;
    await mkdir(`${folder}/issued`, { recursive: true, mode: 0o700 });
    await inScratch(folder, async (scratch) => {
      const [key, out] = [`${scratch}/leaf.key`, `${scratch}/leaf.crt`];
      await makeKey(tool, KEY, key);
      await signLeaf(tool, { scratch, key, out, leaf: leafOf(wanted), ...lasting(now(), LIFE.issued) }, paths);
      // The key first: a certificate without its key counts for nothing, and is made again.
      await rename(key, `${place}.key`);
      await rename(out, `${place}.crt`);
    });
    const issued = await issuedAt(place);
    if (issued !== undefined) return issued;
    throw failure(`${wanted.id} was not written`);
  };

  return {
    certificate: () => alone(ensure),
    issue: (wanted) => alone(() => issue(wanted)),
    isDue: (wanted) =>
      alone(async () => {
        const known = await issuedAt(`${folder}/issued/${wanted.id}`);
        return known === undefined || !isGood(known, wanted, await ensure(), now());
      }),
  };
}

const tool = { exec: run, writeFile };
const KEY = 'ec-p256';

const lasting = (now: number, days: number) => ({ from: now, until: now + days * DAY });

function leafOf({ id, names, addresses }: IssueRequest): Leaf {
  const [first = addresses[0] ?? id] = names;
  const subject = { commonName: first.slice(0, 64) };
  return { subject, names, addresses, emails: [], usage: 'both', keyAlgorithm: KEY };
}

const read = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);

async function issuedAt(place: string): Promise<Issued | undefined> {
  const [certificate, privateKey] = await Promise.all([read(`${place}.crt`), read(`${place}.key`)]);
  return certificate === undefined || privateKey === undefined ? undefined : { certificate, privateKey };
}

/** Whether a certificate says what is wanted, is of this authority, and lasts. */
function isGood({ certificate }: Issued, wanted: IssueRequest, authority: string, now: number): boolean {
  try {
    const it = new X509Certificate(certificate);
    const says = [...wanted.names.map((name) => `DNS:${name}`), ...wanted.addresses.map((at) => `IP Address:${at}`)];
    return (
      (it.subjectAltName ?? '').split(', ').sort().join() === says.sort().join() &&
      it.verify(new X509Certificate(authority).publicKey) &&
      daysLeft(certificate, now) > LIFE.renewal
    );
  } catch {
    return false;
  }
}

const daysLeft = (certificate: string, now: number): number =>
  (new Date(new X509Certificate(certificate).validTo).getTime() - now) / DAY;
