import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { headerVariables } from '#engines/haproxy/headers.ts';
import { Description, UrlPath } from '../fields.ts';
import { Iap } from './iap.ts';

export const HeaderName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, 'not the name of a header such as X-Team')
  .meta({ id: 'HeaderName', examples: ['X-Team'] });

const CustomHeader = z
  .string()
  .max(2300)
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}:[\u0020-\u007e]*$/, 'not a header such as `X-Client: {client_ip_address}`')
  .meta({ id: 'CustomHeader', examples: ['X-Client: {client_ip_address}'] });

const Backend = z
  .strictObject({
    instanceGroup: ref('instanceGroup').optional().describe('Group whose hosts serve.'),
    networkEndpointGroup: ref('networkEndpointGroup').optional().describe('Endpoints that serve.'),
    balancingMode: z
      .enum(['UTILIZATION', 'RATE'])
      .default('UTILIZATION')
      .describe('RATE: servers share requests in proportion to `maxRatePerEndpoint`; UTILIZATION: evenly.'),
    maxRatePerEndpoint: z
      .number()
      .min(0.1)
      .max(1_000_000)
      .optional()
      .describe('Requests a second that a server is meant for; a proportion, not a limit.'),
    capacityScaler: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('Part of its capacity that is used; 0: it gets no new requests.'),
    description: Description,
  })
  .meta({ id: 'Backend' });

const Cookie = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,100}$/, 'not the name of a cookie')
    .describe('Name of the cookie.'),
  path: UrlPath.default('/').describe('Path that a made cookie is for.'),
  ttlSec: z
    .int()
    .min(0)
    .max(1_209_600)
    .default(0)
    .describe('Seconds that a made cookie lasts; 0: until the browser closes.'),
});

export const BackendServiceSpec = z
  .strictObject({
    protocol: z
      .enum(['HTTP', 'HTTPS', 'HTTP2', 'H2C'])
      .default('HTTP')
      .describe('How servers are spoken to. HTTP2: HTTP/2 over TLS, also for gRPC; H2C: HTTP/2 without TLS.'),
    port: z.int().min(1).max(65535).default(80).describe('Port of instances of a group.'),
    portName: z
      .string()
      .regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, 'not a port name such as http')
      .optional()
      .describe('Named port of instance groups that is used instead of `port`.'),
    timeoutSec: z
      .int()
      .min(1)
      .max(86_400)
      .default(30)
      .describe('Seconds that a server may be silent within an answer.'),
    tunnelTimeoutSec: z
      .int()
      .min(1)
      .max(604_800)
      .default(3600)
      .describe('Seconds that a WebSocket may be silent in both directions.'),
    healthChecks: z
      .array(ref('healthCheck'))
      .max(1)
      .default([])
      .describe('How its servers are asked whether they are well.'),
    backends: z.array(Backend).max(50).default([]).describe('Groups of servers.'),
    localityLbPolicy: z
      .enum(['ROUND_ROBIN', 'LEAST_REQUEST', 'RING_HASH', 'RANDOM'])
      .default('ROUND_ROBIN')
      .describe('Which server is next. RING_HASH goes by what `sessionAffinity` names, or the client’s address.'),
    sessionAffinity: z
      .enum(['NONE', 'CLIENT_IP', 'GENERATED_COOKIE', 'HTTP_COOKIE', 'HEADER_FIELD'])
      .default('NONE')
      .describe('By what a client is led to the same server again.'),
    affinityCookieTtlSec: z
      .int()
      .min(0)
      .max(1_209_600)
      .default(0)
      .describe('Seconds that a generated cookie lasts; 0: until the browser closes.'),
    consistentHash: z
      .strictObject({
        httpCookie: Cookie.optional().describe('The cookie of HTTP_COOKIE.'),
        httpHeaderName: HeaderName.optional().describe('The header of HEADER_FIELD.'),
      })
      .optional()
      .describe('What RING_HASH goes by.'),
    connectionDraining: z
      .strictObject({
        drainingTimeoutSec: z
          .int()
          .min(0)
          .max(3600)
          .default(300)
          .describe('Seconds that a server which is taken out may finish what it has.'),
      })
      .prefault({})
      .describe('How servers are taken out.'),
    customRequestHeaders: z
      .array(CustomHeader)
      .max(100)
      .default([])
      .describe(`Headers that servers get. Variables: ${headerVariables.map((it) => `{${it}}`).join(', ')}.`),
    customResponseHeaders: z.array(CustomHeader).max(100).default([]).describe('Headers that clients get.'),
    iap: Iap.optional().describe('The identity-aware proxy before it; left out: none.'),
    description: Description,
  })
  .meta({
    id: 'BackendService',
    title: 'Backend service',
    description: 'Servers that answer together, and how requests are dealt out to them.',
  });

export type BackendServiceSpec = z.infer<typeof BackendServiceSpec>;

export interface BackendServiceAssigned {
  /** Numeric, as the cloud's; part of the audience of signed identities. */
  readonly id: string;
}
