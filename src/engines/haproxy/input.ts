import * as z from 'zod';
import { ArtifactId } from '#core/artifact.ts';
import { AuthorityId, CertificateId } from '../pki/input.ts';
import { Address, InterfaceName, NamespaceName, ResourceKeyText } from '../schemas.ts';

/** Everything here ends up in lines of a configuration: no schema admits a line break, most no blank or quote. */

/** Name of a resource; sections and files are called after it. */
export const Label = z.string().regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);

const HostName = z.string().regex(/^(\*[.-])?[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$|^\*$/);
/** Text without control characters; whoever renders it quotes it. */
const Text = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^\P{Cc}*$/u);
const HeaderName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/);
const UrlPath = z
  .string()
  .max(1024)
  .regex(/^\/[!$-[\]-~]*$/);

/** The cloud's names. */
export const clientModes = ['ALLOW_INVALID_OR_MISSING_CLIENT_CERT', 'REJECT_INVALID'] as const;

export const protocols = ['HTTP', 'HTTPS', 'HTTP2', 'H2C'] as const;

/** Where a request goes: to a service, or back to the client with another address. */
export const Destination = z.union([
  z.strictObject({ service: Label.describe('Backend service that answers.') }),
  z.strictObject({
    redirect: z.strictObject({
      code: z.enum(['301', '302', '303', '307', '308']).describe('Status of the answer.'),
      https: z.boolean().describe('Whether the new address is an https one.'),
      host: HostName.optional().describe('Host of the new address; none: the same.'),
      path: UrlPath.optional().describe('Path of the new address; none: the same.'),
      prefix: UrlPath.optional().describe('What stands in the place of the part of the path that matched.'),
      matched: UrlPath.optional().describe('The part of the path that `prefix` replaces.'),
      stripQuery: z.boolean().describe('Whether the query is left out.'),
    }),
  }),
]);
export type Destination = z.infer<typeof Destination>;

export const RouteMap = z.strictObject({
  id: ResourceKeyText,
  name: Label,
  otherwise: Destination.describe('For hosts that nobody names.'),
  hosts: z
    .array(z.strictObject({ host: HostName, matcher: Label }))
    .max(20_000)
    .describe('Names, `*.names` or `*`, and the matcher that decides by path.'),
  matchers: z
    .array(
      z.strictObject({
        name: Label,
        otherwise: Destination,
        paths: z
          .array(z.strictObject({ path: UrlPath, to: Destination }))
          .max(20_000)
          .describe('Paths, or with `/*` at the end all below; the longest decides.'),
      }),
    )
    .max(2000),
});
export type RouteMap = z.infer<typeof RouteMap>;

export const Certificate = z.strictObject({
  id: ResourceKeyText,
  name: Label,
  chain: z.string().max(65_536).optional().describe('PEM, the certificate itself first.'),
  key: z.string().max(131_072).optional().describe('PEM of the private key, sealed.'),
  issued: z
    .strictObject({ authority: AuthorityId, id: CertificateId.describe('Under which the authority keeps it.') })
    .optional()
    .describe('Instead of both: one that an authority of the project issues and renews.'),
  names: z.array(HostName).max(1000).describe('Host names that it stands for.'),
  notBefore: z.int().optional().describe('Start of its validity, milliseconds since 1970; of one that was brought.'),
  notAfter: z.int().optional().describe('End of its validity, milliseconds since 1970; of one that was brought.'),
});
export type Certificate = z.infer<typeof Certificate>;

export const Frontend = z.strictObject({
  id: ResourceKeyText,
  name: Label,
  address: Address,
  port: z.int().min(1).max(65535),
  routes: Label.describe('Route map that it goes by.'),
  tls: z
    .strictObject({
      target: ResourceKeyText.describe('The proxy resource that says so.'),
      certificates: z.array(Label).min(1).max(100).describe('The first one is for clients that name no host.'),
      minVersion: z.enum(['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']),
      clients: z
        .strictObject({
          mode: z.enum(clientModes).describe('Whether one who shows no good certificate may come in.'),
          authorities: z.array(AuthorityId).min(1).max(100).describe('Whose certificates are good.'),
          listed: z.boolean().describe('Whether each of them has a revocation list.'),
        })
        .optional()
        .describe('What clients are asked for; absent: nothing.'),
    })
    .optional(),
});
export type Frontend = z.infer<typeof Frontend>;

export const Check = z.strictObject({
  id: ResourceKeyText,
  type: z.enum(['http', 'https', 'http2', 'tcp', 'ssl', 'grpc']),
  port: z.int().min(1).max(65535).optional().describe('None: the port that serves.'),
  path: UrlPath,
  host: HostName.optional(),
  service: z
    .string()
    .regex(/^[\w.]{0,255}$/)
    .describe('Name that a gRPC server is asked for.'),
  response: Text(1024).describe('What the answer must contain; empty: anything.'),
  interval: z.int().min(1).max(300),
  timeout: z.int().min(1).max(300),
  rise: z.int().min(1).max(10),
  fall: z.int().min(1).max(10),
});
export type Check = z.infer<typeof Check>;

export const Server = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.:-]{0,120}$/)
    .describe('Name within its service.'),
  host: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/)
    .describe('IPv4 address, or a name to look up.'),
  port: z.int().min(1).max(65535),
  weight: z.int().min(0).max(256),
  inside: z
    .boolean()
    .describe('Whether it stands in a network of the project, which sees the load balancer’s own addresses.'),
});
export type Server = z.infer<typeof Server>;

export const Header = z.strictObject({
  name: HeaderName,
  value: Text(2048).describe('May hold variables in braces, such as {client_ip_address}.'),
});

export const Affinity = z.discriminatedUnion('by', [
  z.strictObject({ by: z.literal('nothing') }),
  z.strictObject({ by: z.literal('address') }),
  z.strictObject({ by: z.literal('header'), name: HeaderName }),
  z.strictObject({
    by: z.literal('cookie'),
    name: z.string().regex(/^[A-Za-z0-9_.-]{1,100}$/),
    path: UrlPath,
    ttl: z.int().min(0).max(1_209_600).describe('Seconds; 0: until the browser closes.'),
  }),
  z.strictObject({ by: z.literal('generated'), ttl: z.int().min(0).max(1_209_600) }),
]);

export const BackendService = z.strictObject({
  id: ResourceKeyText,
  name: Label,
  protocol: z.enum(protocols),
  policy: z.enum(['ROUND_ROBIN', 'LEAST_REQUEST', 'RING_HASH', 'RANDOM']),
  affinity: Affinity,
  timeout: z.int().min(1).max(86_400).describe('Seconds that a server may be silent.'),
  tunnelTimeout: z.int().min(1).max(604_800).describe('Seconds that a WebSocket may be silent.'),
  draining: z.int().min(0).max(3600).describe('Seconds that a server which is taken away may finish what it has.'),
  check: Check.optional(),
  iap: z.boolean().optional().describe('Whether the identity-aware proxy stands before it; absent: it does not.'),
  servers: z.array(Server).max(2000),
  requestHeaders: z.array(Header).max(100),
  responseHeaders: z.array(Header).max(100),
});
export type BackendService = z.infer<typeof BackendService>;

export const OwnFront = z.strictObject({
  id: ResourceKeyText,
  name: Label,
  address: Address,
  port: z.int().min(1).max(65535),
  names: z.array(HostName).min(1).max(20).describe('Host names that it answers for; requests for others are refused.'),
  certificate: Label.optional().describe('None: the deployment’s authority issues one for these names.'),
});
export type OwnFront = z.infer<typeof OwnFront>;

export const HaproxyInput = z.strictObject({
  project: z.string().regex(/^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$/),
  namespace: NamespaceName,
  source: Address.describe('Address that hosts inside of networks see.'),
  resolver: Address.describe('Resolver for servers that are known by a name.'),
  outside: InterfaceName.describe(
    'Interface that leads to the internet. Servers known by a name are reached through no other.',
  ),
  after: z.array(ArtifactId).describe('Artifacts that must stand before: the links of the edge.'),
  frontends: z.array(Frontend).max(500),
  routes: z.array(RouteMap).max(500),
  certificates: z.array(Certificate).max(2000),
  services: z.array(BackendService).max(2000),
  edgeHosts: z
    .array(HostName)
    .max(100)
    .describe('Host names that the edge service answers for on every front end of the site: tunnels.'),
  own: z.array(OwnFront).max(100).describe('Front ends of Vauban itself: the edge service answers.'),
});
export type HaproxyInput = z.infer<typeof HaproxyInput>;

/** Part of the load balancer of a project. */
export type HaproxyFragment = { readonly project: string; readonly after?: readonly string[] } & (
  | { readonly base: Pick<HaproxyInput, 'namespace' | 'source' | 'resolver' | 'outside'> }
  | { readonly frontend: Frontend }
  | { readonly route: RouteMap }
  | { readonly certificate: Certificate }
  | { readonly service: BackendService }
  | { readonly edgeHost: string }
  | { readonly own: OwnFront }
);
