import * as z from 'zod';
import { ArtifactId } from '#core/artifact.ts';
import { Address, InterfaceName, NamespaceName, Prefix, ResourceKeyText } from '../schemas.ts';
import { lastPath } from './marks.ts';

const PathNumber = z.int().min(1).max(lastPath).describe('What connections carry in their mark; unique.');
const Weight = z.int().min(1).max(256);

const Hop = z.strictObject({
  number: PathNumber,
  address: Address.describe('Address of the router.'),
  interface: InterfaceName.describe('Interface that it is on.'),
  own: z.boolean().describe('Whether the gateway always has an address there; else it may have given it to its peer.'),
  targets: z.array(Address).max(8).describe('Who is asked behind it; one answer is enough. None: the router itself.'),
});

const Router = z.strictObject({
  number: PathNumber,
  key: ResourceKeyText.describe('Key of the router object.'),
  gateways: z
    .array(z.strictObject({ hop: PathNumber, weight: Weight }))
    .min(1)
    .max(16)
    .describe('Preferred routers, by their number, in order.'),
  backups: z.array(z.strictObject({ hop: PathNumber, weight: Weight })).max(16),
  balanced: z.boolean().describe('Whether all that answer are used. Otherwise the first of them is.'),
  fewest: z.int().min(1).max(16).describe('Backups join when fewer gateways than this answer.'),
  failBack: z.boolean().describe('Whether a preferred router that answers again is used again.'),
  drop: z.boolean().describe('Whether nothing leaves when none answers. Otherwise rules go by the default route.'),
  probe: z
    .strictObject({
      method: z.enum(['icmp', 'tcp']),
      port: z.int().min(1).max(65_535),
      intervalMs: z.int().min(100).max(3_600_000),
      timeoutMs: z.int().min(100).max(60_000),
      tries: z.int().min(1).max(20),
    })
    .optional()
    .describe('How its routers are asked. None: they count as up.'),
  byRule: z.boolean().describe('Whether packets are sent by it because a filter rule says so.'),
});

export const RoutingInput = z
  .strictObject({
    namespace: NamespaceName,
    owner: ResourceKeyText.describe('Key of the gateway.'),
    connected: z
      .array(z.strictObject({ interface: InterfaceName, network: Prefix, external: z.boolean() }))
      .describe('Networks on its interfaces. They are reached directly, whatever router a connection belongs to.'),
    hops: z.array(Hop).max(lastPath),
    routers: z.array(Router).max(lastPath),
    routes: z
      .array(z.strictObject({ destination: Prefix, router: PathNumber }))
      .max(20_000)
      .describe('What lies behind routers that are watched.'),
    balanceBy: z
      .enum(['connections', 'sources'])
      .describe('What keeps to one router: each connection, or all of a sender.'),
    declared: z
      .array(
        z.strictObject({
          destination: Prefix,
          router: ResourceKeyText,
          via: Address,
          origin: z.enum(['static', 'default']),
        }),
      )
      .describe('All routes of the configuration, for whoever asks where a route comes from.'),
    forward: z
      .array(InterfaceName)
      .max(16)
      .optional()
      .describe('Interfaces of the machine itself that forward from now on, because somebody judges what they bring.'),
    after: z.array(ArtifactId).describe('Artifacts that must stand before: the links.'),
  })
  .superRefine((input, context) => {
    const numbers = [...input.hops, ...input.routers].map((it) => it.number);
    if (new Set(numbers).size < numbers.length)
      context.addIssue({ code: 'custom', path: ['hops'], message: 'a number is there twice' });
    const hops = new Set(input.hops.map((it) => it.number));
    for (const [index, it] of input.routers.entries())
      if ([...it.gateways, ...it.backups].some(({ hop }) => !hops.has(hop)))
        context.addIssue({ code: 'custom', path: ['routers', index], message: 'there is no such hop' });
    const routers = new Set(input.routers.map((it) => it.number));
    for (const [index, it] of input.routes.entries())
      if (!routers.has(it.router))
        context.addIssue({ code: 'custom', path: ['routes', index], message: `there is no router ${it.router}` });
  });

export type RoutingInput = z.infer<typeof RoutingInput>;
export type RoutingHop = RoutingInput['hops'][number];
export type RoutingRouter = RoutingInput['routers'][number];
