import type * as z from 'zod';
import { CertificatesQuery, ExportRequest, IssueRequest, RenewRequest, RevokeRequest } from './certificate-requests.ts';
import type { Json } from './json-schema.ts';
import { ok, operator, type Routes } from './openapi-route.ts';

/** What is asked of certificate authorities beyond what every resource can do. */
export const certificateRoutes = (bodyOf: (schema: z.ZodType) => Json): Routes => ({
  '/v1/projects/{project}/certificateAuthorities:issued': {
    get: { summary: 'All that authorities have issued', query: CertificatesQuery, answers: ok('IssuedCertificates') },
  },
  '/v1/projects/{project}/certificateAuthorities/{name}/files': {
    get: { summary: 'Certificate and revocation list of an authority', answers: ok('AuthorityFiles') },
  },
  '/v1/projects/{project}/certificateAuthorities/{name}/issue': {
    post: {
      summary: 'Issue a certificate for a person or a device',
      ...operator,
      body: bodyOf(IssueRequest),
      answers: ok('CertificateFiles'),
    },
  },
  '/v1/projects/{project}/certificateAuthorities/{name}/revoke': {
    post: {
      summary: 'Revoke one that was issued so, at once and for good',
      ...operator,
      body: bodyOf(RevokeRequest),
      answers: ok('Empty'),
    },
  },
  '/v1/projects/{project}/certificateAuthorities/{name}/renew': {
    post: {
      summary: 'Renew a declared certificate now, with another key',
      ...operator,
      body: bodyOf(RenewRequest),
      answers: ok('CertificateFiles'),
    },
  },
  '/v1/projects/{project}/certificateAuthorities/{name}/export': {
    post: {
      summary: 'A certificate, with its private key when that may leave',
      ...operator,
      body: bodyOf(ExportRequest),
      answers: ok('CertificateFiles'),
    },
  },
});
