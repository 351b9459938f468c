import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import type { KeyAlgorithm, Usage } from './choices.ts';

/**
 * X.509 is openssl's business. Whatever somebody wrote reaches it as one argument or through its environment, never in a
 * configuration file: those here are constants.
 */
export type Tool = Pick<Machine, 'exec' | 'writeFile'>;

export interface Subject {
  readonly commonName: string;
  readonly organization?: string | undefined;
}

/** Milliseconds since 1970. */
export interface Validity {
  readonly from: number;
  readonly until: number;
}

/** What stands in a certificate beside its key. */
export interface Leaf {
  readonly subject: Subject;
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly emails: readonly string[];
  readonly usage: Usage;
  readonly keyAlgorithm: KeyAlgorithm;
}

/** Paths of an authority's files. */
export interface Signer {
  readonly key: string;
  readonly certificate: string;
}

/** A certificate that stands on a revocation list. */
export interface Withdrawn {
  /** Hexadecimal. */
  readonly serial: string;
  readonly expires: number;
  readonly at: number;
  readonly reason: string;
}

const CONFIG = `
[ req ]
distinguished_name = none
prompt = no
string_mask = utf8only
[ none ]
[ ca ]
default_ca = authority
[ authority ]
database = $ENV::SCRATCH/index.txt
serial = $ENV::SCRATCH/serial
crlnumber = $ENV::SCRATCH/crlnumber
new_certs_dir = $ENV::SCRATCH
default_md = sha256
policy = anything
unique_subject = no
email_in_dn = no
[ anything ]
organizationName = optional
commonName = supplied
[ revocation ]
authorityKeyIdentifier = keyid:always
`;

const AUTHORITY = `basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
`;

const extendedUsage: Readonly<Record<Usage, string>> = {
  server: 'serverAuth',
  client: 'clientAuth',
  both: 'serverAuth,clientAuth',
};

const leafExtensions = (
  usage: Usage,
  algorithm: KeyAlgorithm,
  isNamed: boolean,
): string => `basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature${algorithm.startsWith('rsa') ? ',keyEncipherment' : ''}
extendedKeyUsage = ${extendedUsage[usage]}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
${isNamed ? 'subjectAltName = $ENV::NAMES' : ''}
`;

/** A folder of root's for what is half made. */
export async function inScratch<T>(folder: string, work: (scratch: string) => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const scratch = await mkdtemp(`${folder}/scratch-`);
  try {
    return await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const algorithms: Readonly<Record<KeyAlgorithm, readonly string[]>> = {
  'ec-p256': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'ec-p384': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  'rsa-3072': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'],
};

/** Writes a private key, PKCS #8, which only root may read. */
export const makeKey = (tool: Tool, algorithm: KeyAlgorithm, path: string): Promise<string> =>
  openssl(tool, ['genpkey', ...algorithms[algorithm], '-out', path]);

/** The certificate of an authority, signed with its own key. Gives the serial. */
export async function signItself(
  tool: Tool,
  it: { readonly scratch: string; readonly key: string; readonly subject: Subject; readonly out: string } & Validity,
): Promise<string> {
  return sign(tool, { ...it, extensions: AUTHORITY, by: ['-selfsign', '-keyfile', it.key], names: '' });
}

/** A certificate for a key, signed by an authority. Gives the serial. */
export async function signLeaf(
  tool: Tool,
  it: { readonly scratch: string; readonly key: string; readonly leaf: Leaf; readonly out: string } & Validity,
  signer: Signer,
): Promise<string> {
  const { subject, usage, keyAlgorithm } = it.leaf;
  const names = alternativeNames(it.leaf);
  const by = ['-cert', signer.certificate, '-keyfile', signer.key];
  return sign(tool, { ...it, subject, extensions: leafExtensions(usage, keyAlgorithm, names !== ''), by, names });
}

const alternativeNames = ({ names, addresses, emails }: Leaf): string =>
  [...names.map((it) => `DNS:${it}`), ...addresses.map((it) => `IP:${it}`), ...emails.map((it) => `email:${it}`)].join(
    ',',
  );

interface Signing extends Validity {
  readonly scratch: string;
  readonly key: string;
  readonly subject: Subject;
  readonly out: string;
  readonly extensions: string;
  readonly by: readonly string[];
  readonly names: string;
}

async function sign(tool: Tool, it: Signing): Promise<string> {
  const { scratch } = it;
  // Never one that was given before, also when the list of those was lost.
  const serial = newSerial();
  const [config, extensions, request] = ['cnf', 'ext', 'csr'].map((name) => `${scratch}/${name}`) as [
    string,
    string,
    string,
  ];
  await tool.writeFile(config, CONFIG, 0o600);
  await tool.writeFile(extensions, it.extensions, 0o600);
  await tool.writeFile(`${scratch}/index.txt`, '', 0o600);
  await tool.writeFile(`${scratch}/serial`, `${serial}\n`, 0o600);
  const env = { SCRATCH: scratch, NAMES: it.names };
  await openssl(
    tool,
    [
      ...['req', '-new', '-config', config, '-key', it.key, '-out', request],
      ...['-utf8', '-subj', distinguishedName(it.subject)],
    ],
    env,
  );
  await openssl(
    tool,
    [
      ...['ca', '-batch', '-notext', '-utf8', '-preserveDN', '-config', config, '-extfile', extensions],
      ...['-startdate', timeOf(it.from), '-enddate', timeOf(it.until), ...it.by, '-in', request, '-out', it.out],
    ],
    env,
  );
  return serial;
}

/** A revocation list with the authority's key identifier: without it strongSwan silently goes by none. */
export async function makeCrl(
  tool: Tool,
  it: {
    readonly scratch: string;
    readonly out: string;
    readonly number: number;
    readonly withdrawn: readonly Withdrawn[];
  } & Validity,
  signer: Signer,
): Promise<void> {
  const { scratch, number } = it;
  const hex = number.toString(16);
  await tool.writeFile(`${scratch}/cnf`, CONFIG, 0o600);
  await tool.writeFile(`${scratch}/crlnumber`, `${hex.length % 2 === 0 ? hex : `0${hex}`}\n`, 0o600);
  // Of each certificate only the number reaches the list, so that nothing else has to be written here.
  const lines = it.withdrawn.map(
    ({ serial, expires, at, reason }) =>
      `R\t${timeOf(expires)}\t${shortTime(at)},${reason}\t${serial.toUpperCase()}\tunknown\t/CN=${serial}\n`,
  );
  await tool.writeFile(`${scratch}/index.txt`, lines.join(''), 0o600);
  await openssl(
    tool,
    [
      ...['ca', '-gencrl', '-config', `${scratch}/cnf`, '-crlexts', 'revocation'],
      ...['-crl_lastupdate', timeOf(it.from), '-crl_nextupdate', timeOf(it.until)],
      ...['-cert', signer.certificate, '-keyfile', signer.key, '-out', it.out],
    ],
    { SCRATCH: scratch, NAMES: '' },
  );
}

/** Twenty bytes at most, positive, and never one that could be guessed. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex').toUpperCase();
}

/** `/` and `+` begin another part of a name, `=` a value. */
const escaped = (text: string): string => text.replace(/[\\/+=]/g, (sign) => `\\${sign}`);

const distinguishedName = ({ commonName, organization }: Subject): string =>
  `${organization === undefined ? '' : `/O=${escaped(organization)}`}/CN=${escaped(commonName)}`;

/** `20261127013000Z`. */
const timeOf = (time: number): string =>
  `${new Date(time)
    .toISOString()
    .replace(/\.\d+|[-:T]/g, '')
    .replace('Z', '')}Z`;

/** With two digits for the year, as openssl's own index has it. */
const shortTime = (time: number): string => timeOf(time).slice(2);

/** Gives what it wrote. Throws ENGINE_FAILED with its last words. */
export async function openssl(
  tool: Tool,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  stdin = '',
): Promise<string> {
  const { code, stdout, stderr } = await tool.exec(['openssl', ...argv], { env, stdin });
  if (code === 0) return stdout;
  throw failure(`openssl ${argv[0]}: ${stderr.trim().split('\n').at(-1) || `exit code ${code}`}`);
}

export const failure = (message: string): Problem =>
  new Problem('ENGINE_FAILED', {
    at: 'certificate authority',
    message: `a certificate could not be issued: ${message}`,
    fix: '`vauban doctor` says whether openssl is there and the disk has room.',
  });
