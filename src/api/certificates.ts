import { Hono } from 'hono';
import type { ArchiveAnswer, AuthorityAnswer, CertificateAnswer } from '#engines/pki/ask.ts';
import { pkiId } from '#engines/pki/assemble.ts';
import type { CertificateStatus } from '#engines/pki/status.ts';
import { declaredPart, demandPart } from '#engines/pki/steer.ts';
import { authorityId, type CertificateAuthority, certificateAuthority } from '#kinds/certificate-authority/kind.ts';
import { bodyOf, parsedBy } from './body.ts';
import { CertificatesQuery, ExportRequest, IssueRequest, RenewRequest, RevokeRequest } from './certificate-requests.ts';
import type { ApiParts, Env } from './context.ts';
import { missing } from './resources.ts';
import { needs } from './steps.ts';

/** What is asked of certificate authorities beyond what every resource can do. */

/** A certificate, and who issued it. */
export interface IssuedCertificate extends CertificateStatus {
  readonly authority: string;
}

export function certificateRoutes(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  const { control, host } = parts;
  const base = '/projects/:project/certificateAuthorities';

  const all = (project: string, name?: string): readonly CertificateAuthority[] => {
    const authorities = control.snapshot.all(certificateAuthority, project);
    if (name === undefined) return authorities;
    const found = authorities.filter((it) => it.name === name);
    if (found.length > 0) return found;
    throw missing(certificateAuthority, name, { project, names: authorities.map((it) => it.name) });
  };
  const artifactOf = (context: { req: { param(): Readonly<Record<string, string>> } }): string => {
    const { project = '', name = '' } = context.req.param();
    all(project, name);
    return pkiId(authorityId({ project, name }));
  };
  const ask = async <T>(artifact: string, question: string, detail?: object): Promise<T> =>
    (await host.ask({
      ...{ artifact, question },
      ...(detail === undefined ? {} : { detail: JSON.stringify(detail) }),
    })) as T;

  /** All that were ever issued, with their state; the newest first within an id. */
  app.get(`${base}:issued`, async (context) => {
    const { authority } = parsedBy(CertificatesQuery, context.req.query());
    const items: IssuedCertificate[] = [];
    for (const it of all(context.req.param('project'), authority)) {
      const found = await ask<readonly CertificateStatus[]>(pkiId(authorityId(it)), 'certificates');
      items.push(...found.map((one) => ({ authority: it.name, ...one })));
    }
    return context.json({ items });
  });

  app.get(`${base}/:name/files`, async (context) =>
    context.json(await ask<AuthorityAnswer>(artifactOf(context), 'authority')),
  );

  app.post(`${base}/:name/issue`, needs('operator'), async (context) => {
    const { id, commonName = id, organization, ...rest } = parsedBy(IssueRequest, await bodyOf(context));
    const artifact = artifactOf(context);
    const subject = { commonName, ...(organization === undefined ? {} : { organization }) };
    await host.steer({ artifact, part: demandPart(id), state: 'issued', detail: JSON.stringify({ subject, ...rest }) });
    context.set('note', { request: { id, commonName, usage: rest.usage } });
    return context.json(await ask<CertificateAnswer>(artifact, 'certificate', { origin: 'demand', id }));
  });

  app.post(`${base}/:name/revoke`, needs('operator'), async (context) => {
    const { id, reason } = parsedBy(RevokeRequest, await bodyOf(context));
    const detail = JSON.stringify({ reason });
    await host.steer({ artifact: artifactOf(context), part: demandPart(id), state: 'revoked', detail });
    context.set('note', { request: { id, reason } });
    return context.json({});
  });

  app.post(`${base}/:name/renew`, needs('operator'), async (context) => {
    const { id, ...detail } = parsedBy(RenewRequest, await bodyOf(context));
    const artifact = artifactOf(context);
    await host.steer({ artifact, part: declaredPart(id), state: 'renewed', detail: JSON.stringify(detail) });
    context.set('note', { request: { id, ...detail } });
    return context.json(await ask<CertificateAnswer>(artifact, 'certificate', { origin: 'declared', id }));
  });

  /** A private key goes out only to whoever may change things; what is exported stands in the audit log. */
  app.post(`${base}/:name/export`, needs('operator'), async (context) => {
    const { passphrase, form, ...which } = parsedBy(ExportRequest, await bodyOf(context));
    const artifact = artifactOf(context);
    context.set('note', { request: { ...which, form } });
    if (form === 'certificate') return context.json(await ask<CertificateAnswer>(artifact, 'certificate', which));
    if (form === 'bundle') return context.json(await ask<CertificateAnswer>(artifact, 'bundle', which));
    return context.json(await ask<ArchiveAnswer>(artifact, 'archive', { ...which, passphrase }));
  });
  return app;
}
