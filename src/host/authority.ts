import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import type { Authority, Issued, IssueRequest } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
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
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work, work);
    turn = result.catch(() => {});
    return result;
  };

  const ensure = async (): Promise<string> => {
    const known = await read(paths.certificate);
    if (known !== undefined && (await read(paths.key)) !== undefined) return known;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const fresh = { key: `${paths.key}.new`, certificate: `${paths.certificate}.new` };
    await openssl([
      ...['req', '-x509', ...newKey, '-keyout', fresh.key, '-out', fresh.certificate],
      ...['-days', String(LIFE.authority), '-subj', `/O=Vauban/CN=Vauban ${deployment} authority`],
      ...['-addext', 'basicConstraints=critical,CA:TRUE,pathlen:0'],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ]);
    await rename(fresh.key, paths.key);
    await rename(fresh.certificate, paths.certificate);
    return readFile(paths.certificate, 'utf8');
  };

  return {
    certificate: () => inTurn(ensure),
    issue: (wanted) =>
      inTurn(async () => {
        const authority = await ensure();
        const place = `${folder}/issued/${wanted.id}`;
        const known = await issuedAt(place);
        if (known !== undefined && isGood(known, wanted, authority, now())) return known;
        await mkdir(`${folder}/issued`, { recursive: true, mode: 0o700 });
        await sign(place, wanted, paths);
        const issued = await issuedAt(place);
        if (issued !== undefined) return issued;
        throw failure(`${wanted.id} was not written`);
      }),
  };
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-sha256'];

async function sign(
  place: string,
  wanted: IssueRequest,
  authority: { key: string; certificate: string },
): Promise<void> {
  const [first = wanted.addresses[0] ?? wanted.id] = wanted.names;
  const alternatives = [...wanted.names.map((it) => `DNS:${it}`), ...wanted.addresses.map((it) => `IP:${it}`)];
  const extensions = [
    `subjectAltName=${alternatives.join(',')}`,
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth,clientAuth',
    'authorityKeyIdentifier=keyid',
    '',
  ].join('\n');
  const [key, request, config, certificate] = ['key.new', 'csr', 'cnf', 'crt.new'].map((it) => `${place}.${it}`);
  if (key === undefined || request === undefined || config === undefined || certificate === undefined) return;
  try {
    await writeFile(config, extensions, 0o600);
    await openssl(['req', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${first.slice(0, 64)}`]);
    await openssl([
      ...['x509', '-req', '-in', request, '-CA', authority.certificate, '-CAkey', authority.key],
      ...['-days', String(LIFE.issued), '-sha256', '-extfile', config, '-out', certificate],
    ]);
    // The key first: a certificate without its key counts for nothing, and is made again.
    await rename(key, `${place}.key`);
    await rename(certificate, `${place}.crt`);
  } finally {
    for (const it of [key, request, config, certificate]) await rm(it, { force: true });
  }
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
      new Date(it.validTo).getTime() - now > LIFE.renewal * DAY
    );
  } catch {
    return false;
  }
}

async function openssl(argv: readonly string[]): Promise<void> {
  const { code, stderr } = await run(['openssl', ...argv]);
  if (code !== 0) throw failure(stderr.trim().split('\n').at(-1) ?? `exit code ${code}`);
}

const failure = (message: string): Problem =>
  new Problem('ENGINE_FAILED', {
    at: 'certificate authority',
    message: `a certificate could not be issued: ${message}`,
    fix: '`vauban doctor` says whether openssl is there and the disk has room.',
  });
