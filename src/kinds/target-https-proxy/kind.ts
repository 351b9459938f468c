import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { clientModes } from '#engines/haproxy/input.ts';
import { defineKind } from '../define.ts';
import { Description } from '../fields.ts';
import { sendsBack, urlMap } from '../url-map/kind.ts';
import { checkClients, toDevices } from './clients.ts';

export const TargetHttpsProxySpec = z
  .strictObject({
    urlMap: ref('urlMap').describe('Where requests go.'),
    sslCertificates: z
      .array(ref('sslCertificate'))
      .min(1)
      .max(15)
      .describe('The one whose names fit answers; the first, when none does or the client names no host.'),
    minTlsVersion: z
      .enum(['TLS_1_0', 'TLS_1_1', 'TLS_1_2', 'TLS_1_3'])
      .default('TLS_1_2')
      .describe('Oldest version of TLS that clients may speak.'),
    quicOverride: z
      .enum(['NONE', 'ENABLE', 'DISABLE'])
      .default('NONE')
      .describe('Whether HTTP/3 is wanted. The installed engine must have it; `describe` says so.'),
    mtlsPolicy: z
      .strictObject({
        clientValidationMode: z
          .enum(clientModes)
          .describe(
            '`ALLOW_INVALID_OR_MISSING_CLIENT_CERT`: everybody comes in, and access levels may ask for a certificate. ' +
              '`REJECT_INVALID`: who has none that is good is refused before anything is asked for.',
          ),
        clientValidationAuthorities: z
          .array(ref('certificateAuthority'))
          .min(1)
          .max(100)
          .describe('Whose certificates are good.'),
      })
      .optional()
      .describe('Asks clients for a certificate of their device. None: nobody is asked.'),
    description: Description,
  })
  .meta({
    id: 'TargetHttpsProxy',
    title: 'Target HTTPS proxy',
    description: 'Takes HTTPS (HTTP/1.1 and HTTP/2) from a forwarding rule.',
  });

export type TargetHttpsProxySpec = z.infer<typeof TargetHttpsProxySpec>;

export const targetHttpsProxy = defineKind<TargetHttpsProxySpec>({
  kind: 'targetHttpsProxy',
  title: 'Target HTTPS proxy',
  spec: TargetHttpsProxySpec,
  check: (resource, snapshot) => {
    const { project, spec } = resource;
    const map = snapshot.find(urlMap, project, spec.urlMap);
    const repeated = spec.sslCertificates.findIndex((it, index, all) => all.indexOf(it) !== index);
    return [
      ...(map !== undefined && sendsBack(map)
        ? [
            {
              path: ['urlMap'],
              message: `${spec.urlMap} sends clients of https to the https address that they came from, in a circle`,
              fix: 'Use a URL map of its own for the HTTP front end, or redirect to another host or path.',
            },
          ]
        : []),
      ...(repeated < 0
        ? []
        : [{ path: ['sslCertificates', repeated], message: 'it is there twice', fix: 'Name a certificate once.' }]),
      ...checkClients(resource, snapshot),
    ];
  },
  meaning: (before, after) => meaningOf(before?.spec.mtlsPolicy, after?.spec.mtlsPolicy),
  columns: [
    { title: 'SSL_CERTIFICATES', value: ({ spec }) => spec.sslCertificates.join(',') },
    { title: 'URL_MAP', value: ({ spec }) => spec.urlMap },
    { title: 'HTTP3', value: (_, { values }) => (values['http3'] === 0 ? 'not offered' : '') },
  ],
  feeds: { edge: (resource, snapshot) => toDevices(resource, snapshot) },
  example: { 'my-https-proxy': { urlMap: 'my-load-balancer', sslCertificates: ['my-cert'] } },
});

type Policy = TargetHttpsProxySpec['mtlsPolicy'];

function meaningOf(before: Policy, after: Policy): readonly string[] {
  if (after === undefined) return before === undefined ? [] : ['asks clients for no certificate any more'];
  const names = after.clientValidationAuthorities.join(', ');
  const isSame = before?.clientValidationMode === after.clientValidationMode;
  if (isSame && before.clientValidationAuthorities.join(', ') === names) return [];
  return after.clientValidationMode === 'REJECT_INVALID'
    ? [`lets in only clients with a certificate of ${names}`]
    : [`asks clients for a certificate of ${names}`];
}
