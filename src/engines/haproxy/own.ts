import { readFile } from 'node:fs/promises';
import type { Issued, IssueRequest, Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { pkiPaths } from '../pki/paths.ts';
import { accessLogFormat, clientRules } from './access-log.ts';
import type { Section } from './backend.ts';
import { captured } from './captured.ts';
import { certificateFile, ownFile, together } from './files.ts';
import { cleaningRules, requestIdLines } from './frontend.ts';
import { PAGES } from './iap.ts';
import type { Certificate, HaproxyInput, OwnFront } from './input.ts';
import { quoted } from './names.ts';
import { PAGE_TYPE } from './pages.ts';
import { type HaproxyPaths, haproxyPaths } from './paths.ts';

/**
 * Front ends of Vauban itself: all that comes in is for the edge service (sign-in, tunnels, published keys). They show a
 * certificate of the site's, or one that the deployment's authority issues.
 */

const ownName = ({ name }: OwnFront): string => `own.${name}`;

export const ownSections = (input: HaproxyInput, paths: HaproxyPaths): readonly Section[] =>
  input.own.map((it) => ({
    head: `frontend ${ownName(it)}`,
    lines: [
      `bind ${it.address}:${it.port} ssl crt ${ownFile(it, paths)} alpn h2,http/1.1 ssl-min-ver TLSv1.2`,
      `log-format ${quoted(accessLogFormat('no queries'))}`,
      ...requestIdLines,
      ...clientRules(ownName(it), true),
      ...captured.map((header) => `capture request header ${header.header} len ${header.length}`),
      ...cleaningRules,
      'http-request set-var(txn.host) req.hdr(host),host_only,lower',
      // Under another name a browser would keep cookies and passkeys that nobody ever asks for again.
      `http-request return status 421 content-type ${PAGE_TYPE} lf-file ${paths.pages}/421.html unless { var(txn.host) -m str ${it.names.join(' ')} }`,
      'http-request set-header x-forwarded-proto https',
      `default_backend ${PAGES}`,
    ],
  }));

const requestsOf = (input: HaproxyInput): readonly { readonly name: string; readonly request: IssueRequest }[] =>
  input.own.flatMap(({ name, names, address, certificate }) =>
    certificate === undefined
      ? [{ name, request: { id: `edge.${input.project}.${name}`, names, addresses: [address] } }]
      : [],
  );

/** Front ends whose certificate is soon over, and certificates that an authority has issued anew. */
export async function dueOf(machine: Machine, input: HaproxyInput): Promise<readonly string[]> {
  const due: string[] = [];
  for (const { name, request } of requestsOf(input)) if (await machine.authority.isDue(request)) due.push(name);
  const paths = haproxyPaths(machine, input.project);
  for (const { name, issued } of input.certificates) {
    if (issued === undefined) continue;
    const now = await readFile(certificateFile(name, paths), 'utf8').catch(() => '');
    const pair = await pairOf(machine, issued);
    if (pair !== undefined && now !== together(pair)) due.push(name);
  }
  return due;
}

interface Where {
  readonly machine: Machine;
  readonly input: HaproxyInput;
  readonly paths: HaproxyPaths;
}

/** Certificates that nobody brought, by the path that they have. */
export const issuedFor = (where: Where): Promise<ReadonlyMap<string, Issued>> =>
  pairsFor(where, ({ id }) => {
    throw new Problem('ENGINE_FAILED', {
      at: id,
      message: 'the authority of the project has not issued it',
      fix: '`vauban describe certificateAuthorities NAME` says what is wrong with it.',
    });
  });

/** The same where they are only tried: before the authority has issued one, that of the deployment stands in for it. */
export const issuedForTrial = (where: Where): Promise<ReadonlyMap<string, Issued>> =>
  pairsFor(where, ({ name, names }) =>
    where.machine.authority.issue({ id: `trial.${where.input.project}.${name}`, names, addresses: [] }),
  );

async function pairsFor(
  { machine, input, paths }: Where,
  missing: (it: Certificate) => Promise<Issued>,
): Promise<ReadonlyMap<string, Issued>> {
  const all = new Map<string, Issued>();
  const requests = new Map(requestsOf(input).map((it) => [it.name, it.request]));
  for (const front of input.own) {
    const request = requests.get(front.name);
    if (request !== undefined) all.set(ownFile(front, paths), await machine.authority.issue(request));
  }
  for (const it of input.certificates) {
    if (it.issued === undefined) continue;
    all.set(certificateFile(it.name, paths), (await pairOf(machine, it.issued)) ?? (await missing(it)));
  }
  return all;
}

async function pairOf(
  machine: Machine,
  { authority, id }: NonNullable<Certificate['issued']>,
): Promise<Issued | undefined> {
  const files = pkiPaths(machine, authority).issued(id);
  const [certificate, privateKey] = await Promise.all(
    [files.certificate, files.key].map((it) => readFile(it, 'utf8').catch(() => undefined)),
  );
  return certificate === undefined || privateKey === undefined ? undefined : { certificate, privateKey };
}
