import { writeFileSync } from 'node:fs';
import { buildCommand, buildRouteMap } from '@stricli/core';
import type { IssuedCertificate } from '#api/certificates.ts';
import type { ResourceDocument } from '#api/resources.ts';
import type { Client } from '#client/client.ts';
import type { Operation } from '#control/operations.ts';
import { Problem } from '#core/problem.ts';
import type { ArchiveAnswer, AuthorityAnswer, CertificateAnswer } from '#engines/pki/ask.ts';
import { REASONS, type Reason, USAGES, type Usage } from '#engines/pki/choices.ts';
import { type Cli, clientOf, projectOf, proposedNames, type Target } from '../context.ts';
import { formatFlag, targetAliases, targetFlags } from '../flags.ts';
import { type Format, printList, type TableOf } from '../output.ts';
import { passphraseFlag, passphraseOf } from '../passphrase.ts';
import { follow } from '../progress.ts';

const authorityParameter = {
  brief: 'Certificate authority',
  parse: String,
  placeholder: 'authority',
  proposeCompletions(this: Cli, _partial: string) {
    return proposedNames(this, 'certificateAuthorities');
  },
} as const;
const idParameter = { brief: 'Certificate, as `list` shows it', parse: String, placeholder: 'certificate' } as const;
const oneAuthority = { kind: 'tuple', parameters: [authorityParameter] } as const;
const anyAuthority = { kind: 'tuple', parameters: [{ ...authorityParameter, optional: true }] } as const;
const oneCertificate = { kind: 'tuple', parameters: [authorityParameter, idParameter] } as const;

async function apiOf(
  cli: Cli,
  flags: Target,
  name?: string,
): Promise<{ readonly client: Client; readonly project: string; readonly path: string }> {
  const client = clientOf(cli, flags);
  const project = `/v1/projects/${await projectOf(cli, client, flags)}`;
  const base = `${project}/certificateAuthorities`;
  return { client, project, path: name === undefined ? base : `${base}/${encodeURIComponent(name)}` };
}

const table: TableOf<IssuedCertificate> = {
  name: (it) => it.id,
  empty: 'Nothing was issued in this project.',
  columns: [
    { title: 'AUTHORITY', value: (it) => it.authority },
    { title: 'CERTIFICATE', value: (it) => shownId(it) },
    { title: 'COMMON_NAME', value: (it) => it.subject },
    { title: 'SERIAL', value: (it) => it.serial },
    { title: 'EXPIRE_TIME', value: (it) => it.expireTime.slice(0, 10) },
    { title: 'STATE', value: (it) => [it.state, it.revoked?.reason].filter(Boolean).join(' ') },
  ],
};

const DECLARED = 'certificate.';

/** Declared ones are known by their resource's name, as everywhere; those of people by the name that was chosen. */
const shownId = ({ id, origin }: Pick<IssuedCertificate, 'id' | 'origin'>): string =>
  origin === 'demand' ? `people/${id}` : id.startsWith(DECLARED) ? id.slice(DECLARED.length) : id;

function whichOf(text: string): { readonly origin: 'declared' | 'demand'; readonly id: string } {
  if (text.startsWith('people/')) return { origin: 'demand', id: text.slice('people/'.length) };
  return { origin: 'declared', id: text.includes('.') ? text : `${DECLARED}${text}` };
}

interface Listing extends Target {
  readonly output: Format;
  readonly all: boolean;
}

const list = buildCommand({
  docs: { brief: 'List certificates with their end and state' },
  parameters: {
    flags: {
      ...targetFlags,
      output: formatFlag,
      all: { kind: 'boolean', default: false, brief: 'Also what another one has replaced' },
    },
    aliases: { ...targetAliases, o: 'output' },
    positional: anyAuthority,
  },
  async func(this: Cli, flags: Listing, authority?: string) {
    const { client, path } = await apiOf(this, flags);
    const { items } = await client.get<{ items: IssuedCertificate[] }>(`${path}:issued`, { authority });
    const shown = flags.all ? items : items.filter((it) => it.state !== 'REPLACED');
    printList(this, flags.output, shown, table);
  },
});

interface Issue extends Target {
  readonly commonName?: string;
  readonly organization?: string;
  readonly email?: readonly string[];
  readonly name?: readonly string[];
  readonly address?: readonly string[];
  readonly usage: Usage;
  readonly days: number;
}

const text = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: String, optional: true, brief, placeholder }) as const;
const texts = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: String, variadic: true, optional: true, brief, placeholder }) as const;

const issue = buildCommand({
  docs: { brief: 'Issue a certificate for a person or a device, without declaring it' },
  parameters: {
    flags: {
      ...targetFlags,
      commonName: text('Common name (default: the name that it is kept under)', 'text'),
      organization: text('Whose it is', 'text'),
      email: texts('Address of the person', 'address'),
      name: texts('DNS name', 'name'),
      address: texts('IPv4 address', 'address'),
      usage: { kind: 'enum', values: USAGES, default: 'client', brief: 'Whom it speaks for' },
      days: { kind: 'parsed', parse: daysOf, default: '365', brief: 'Days that it lasts', placeholder: 'number' },
    },
    aliases: targetAliases,
    positional: {
      kind: 'tuple',
      parameters: [authorityParameter, { ...idParameter, brief: 'Name that it is kept under, such as alice' }],
    },
  },
  async func(this: Cli, flags: Issue, authority: string, id: string) {
    const { client, path } = await apiOf(this, flags, authority);
    const { commonName, organization, usage, days } = flags;
    await client.post<CertificateAnswer>(`${path}/issue`, {
      ...{ id, commonName, organization, usage, lifeDays: days },
      ...{ emails: flags.email, names: flags.name, addresses: flags.address },
    });
    this.print(`Issued people/${id}.`);
    this.print(
      `\`vauban certificates export ${authority} people/${id} --form pkcs12 --to FILE\` gives it out with its key.`,
    );
  },
});

function daysOf(it: string): number {
  if (!/^[1-9]\d{0,3}$/.test(it)) throw new SyntaxError('not a number of days');
  return Number(it);
}

const revoke = buildCommand({
  docs: { brief: 'Revoke a certificate, at once and for good' },
  parameters: {
    flags: {
      ...targetFlags,
      reason: { kind: 'enum', values: REASONS, default: 'unspecified', brief: 'Why, for the revocation list' },
    },
    aliases: targetAliases,
    positional: oneCertificate,
  },
  async func(this: Cli, flags: Target & { readonly reason: Reason }, authority: string, which: string) {
    const { client, path, project } = await apiOf(this, flags, authority);
    const { origin, id } = whichOf(which);
    if (origin === 'demand') await client.post(`${path}/revoke`, { id, reason: flags.reason });
    else await revokeDeclared(this, client, { path: project, authority, id, reason: flags.reason });
    this.print(
      `Revoked ${which}: ${flags.reason}. \`vauban certificates files ${authority}\` gives the list for others.`,
    );
  },
});

/** One that is declared is revoked where it is declared: the site must say so too, or the next apply takes it back. */
async function revokeDeclared(
  cli: Cli,
  client: Client,
  it: { readonly path: string; readonly authority: string; readonly id: string; readonly reason: Reason },
): Promise<void> {
  const { id, reason } = it;
  if (!id.startsWith(DECLARED))
    throw new Problem('INVALID_REQUEST', {
      at: id,
      message: 'what asked for this certificate decides about it',
      fix: 'Delete or change the resource that it belongs to.',
    });
  const at = `${it.path}/certificates/${encodeURIComponent(id.slice(DECLARED.length))}`;
  const now = await client.get<ResourceDocument>(at);
  const issuer = (now.spec as { readonly authority: string }).authority;
  if (issuer !== it.authority)
    throw new Problem('INVALID_REQUEST', {
      at: id.slice(DECLARED.length),
      message: `authority ${issuer} issued it`,
      fix: `Name that one: \`vauban certificates revoke ${issuer} ${id.slice(DECLARED.length)}\`.`,
    });
  const { operation } = await client.put<{ operation: Operation }>(
    at,
    { ...(now.spec as object), revoked: reason },
    { 'if-match': `"${now.etag}"` },
  );
  await follow(cli, client, operation);
  cli.note(`Write \`revoked: ${reason}\` into the site, too: without it the next apply issues another one.`);
}

const renew = buildCommand({
  docs: { brief: 'Issue a declared certificate anew, with another key' },
  parameters: {
    flags: {
      ...targetFlags,
      revoke: { kind: 'enum', values: REASONS, optional: true, brief: 'Revoke the former one, for this reason' },
    },
    aliases: targetAliases,
    positional: oneCertificate,
  },
  async func(this: Cli, flags: Target & { readonly revoke?: Reason }, authority: string, which: string) {
    const { client, path } = await apiOf(this, flags, authority);
    const { origin, id } = whichOf(which);
    if (origin === 'demand')
      throw new Problem('INVALID_REQUEST', {
        at: which,
        message: 'who holds it has to be given another file',
        fix: 'Revoke it, then issue it again.',
      });
    await client.post(`${path}/renew`, { id, reason: flags.revoke });
    this.print(`Renewed ${which}; what uses it takes the new one up within seconds.`);
    if (flags.revoke !== undefined) this.print(`The former one is revoked: ${flags.revoke}.`);
  },
});

const FORMS = ['pem', 'bundle', 'pkcs12'] as const;

interface Export extends Target {
  readonly form: (typeof FORMS)[number];
  readonly to?: string;
  readonly passphraseFile?: string;
}

const exportOne = buildCommand({
  docs: { brief: 'Give out a certificate: alone, or with its private key' },
  parameters: {
    flags: {
      ...targetFlags,
      form: {
        kind: 'enum',
        values: FORMS,
        default: 'pem',
        brief: 'pem: the certificate. bundle: with its private key and authority. pkcs12: those under a passphrase',
      },
      to: text('File to write; needed when a private key comes with it', 'file'),
      passphraseFile: passphraseFlag,
    },
    aliases: targetAliases,
    positional: oneCertificate,
  },
  async func(this: Cli, flags: Export, authority: string, which: string) {
    const { client, path } = await apiOf(this, flags, authority);
    const { form, to } = flags;
    if (form !== 'pem' && to === undefined)
      throw new Problem('INVALID_REQUEST', {
        at: '--to',
        message: 'a private key is not shown on a terminal',
        fix: 'Name the file that it goes to: `--to FILE`.',
      });
    const request = whichOf(which);
    if (form === 'pkcs12') {
      const passphrase = await passphraseOf(this, flags.passphraseFile, true);
      const { archive } = await client.post<ArchiveAnswer>(`${path}/export`, {
        ...request,
        form: 'archive',
        passphrase,
      });
      return written(this, to, Buffer.from(archive, 'base64'));
    }
    const kind = form === 'pem' ? 'certificate' : 'bundle';
    const found = await client.post<CertificateAnswer>(`${path}/export`, { ...request, form: kind });
    if (form === 'pem') return written(this, to, Buffer.from(found.certificate), true);
    return written(this, to, Buffer.from(`${found.privateKey ?? ''}${found.certificate}${found.authority}`));
  },
});

/** With a private key only its owner may read it, and nothing that is there is replaced. */
function written(cli: Cli, file: string | undefined, content: Buffer, isPublic = false): void {
  if (file === undefined) {
    cli.print(content.toString('utf8').trimEnd());
    return;
  }
  try {
    writeFileSync(file, content, isPublic ? {} : { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Problem('INVALID_REQUEST', { at: file, message, fix: 'Name a file that is not there yet.', cause });
  }
  cli.print(`It is in ${file}.`);
}

const files = buildCommand({
  docs: { brief: 'Give out the certificate of an authority, or its revocation list, for others' },
  parameters: {
    flags: {
      ...targetFlags,
      crl: { kind: 'boolean', default: false, brief: 'The revocation list' },
      to: text('File to write (default: show it)', 'file'),
    },
    aliases: targetAliases,
    positional: oneAuthority,
  },
  async func(this: Cli, flags: Target & { readonly crl: boolean; readonly to?: string }, authority: string) {
    const { client, path } = await apiOf(this, flags, authority);
    const { certificate, crl } = await client.get<AuthorityAnswer>(`${path}/files`);
    const content = flags.crl ? crl : certificate;
    if (content === undefined)
      throw new Problem('NOT_FOUND', {
        at: authority,
        message: 'it has no revocation list',
        fix: 'Name the list of the external authority in `crl`.',
      });
    written(this, flags.to, Buffer.from(content), true);
  },
});

export const certificates = buildRouteMap<string, Cli>({
  routes: { list, issue, renew, revoke, export: exportOne, files },
  docs: { brief: 'Certificates: list, issue, renew, revoke, export' },
});
