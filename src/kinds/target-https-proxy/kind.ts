import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { defineKind } from '../define.ts';
import { Description } from '../fields.ts';
import { sendsBack, urlMap } from '../url-map/kind.ts';

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
  plural: 'targetHttpsProxies',
  title: 'Target HTTPS proxy',
  spec: TargetHttpsProxySpec,
  check: ({ project, spec }, snapshot) => {
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
    ];
  },
  columns: [
    { title: 'SSL_CERTIFICATES', value: ({ spec }) => spec.sslCertificates.join(',') },
    { title: 'URL_MAP', value: ({ spec }) => spec.urlMap },
    { title: 'HTTP3', value: (_, { values }) => (values['http3'] === 0 ? 'not offered' : '') },
  ],
  feeds: {},
  example: { 'my-https-proxy': { urlMap: 'my-load-balancer', sslCertificates: ['my-cert'] } },
});
