import * as z from 'zod';
import { ArtifactId } from '#core/artifact.ts';
import { AuthorityId, CertificateId } from '../pki/input.ts';
import { Address, NamespaceName, Prefix, ResourceKeyText } from '../schemas.ts';

/** Algorithms of one offer as strongSwan writes them; they stand in a list of offers as they are. */
export const Proposal = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+){0,7}$/)
  .max(100)
  .describe('One offer, such as aes256gcm16-prfsha384-ecp384.');

/** An address, a name, or a distinguished name; VICI carries it with its length, so nothing of it is read as syntax. */
export const Identity = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}]+$/u, 'no control characters')
  .describe('How one side calls itself.');

export const ChildName = z
  .string()
  .regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?\.[0-9]{1,3}$/)
  .describe('Name of the tunnel and number of the pair.');

const TunnelName = z.string().regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);

const Tunnel = z.strictObject({
  key: ResourceKeyText.describe('Key of the tunnel.'),
  name: TunnelName,
  enabled: z.boolean().describe('Whether it may be up. What is meant for it stays inside either way.'),
  start: z
    .enum(['start', 'respond', 'trap'])
    .describe('Who begins: we at once, the peer, or we when there is traffic.'),
  proposals: z.array(Proposal).min(1).max(20).describe('What packets may be protected by.'),
  rekeySeconds: z.int().min(5).max(86_400).describe('Seconds until keys are made anew.'),
  pairs: z
    .array(
      z.strictObject({
        name: ChildName,
        local: Prefix.describe('Our network, as the peer knows it.'),
        remote: Prefix.describe('The network behind the peer.'),
      }),
    )
    .min(1)
    .max(64)
    .describe('Networks that reach each other.'),
});

const Certificate = z.strictObject({
  authority: AuthorityId.describe('Who issued ours.'),
  id: CertificateId.describe('Which one it is.'),
  trusted: AuthorityId.describe('Who must have issued the peer’s.'),
});

const Connection = z.strictObject({
  key: ResourceKeyText.describe('Key of the peer.'),
  name: TunnelName,
  local: Address.describe('Our address.'),
  remote: z.array(Address).max(16).describe('Where the peer may be; none: anywhere.'),
  localIdentity: Identity.optional().describe('None: as our certificate says.'),
  remoteIdentity: Identity.optional().describe('None: whoever the key or the certificate is good for.'),
  preSharedKey: z
    .string()
    .min(1)
    .max(65_536)
    .optional()
    .describe('What both sides know; sealed in the field `preSharedKey` of the peer, or plain.'),
  certificate: Certificate.optional().describe('What we show, instead of a key.'),
  proposals: z.array(Proposal).min(1).max(20).describe('What keys may be agreed by.'),
  rekeySeconds: z.int().min(10).max(604_800).describe('Seconds until the keys of the agreement are made anew.'),
  dpdSeconds: z
    .int()
    .min(0)
    .max(3600)
    .describe('Seconds of silence until the peer is asked whether it lives; 0: never.'),
  tunnels: z.array(Tunnel).min(1).max(64),
});

/** All tunnels of one gateway. */
export const StrongswanInput = z
  .strictObject({
    namespace: NamespaceName,
    owner: ResourceKeyText.describe('Key of the gateway.'),
    whileActive: z.boolean().describe('Whether it runs on the active member of a cluster only.'),
    connections: z.array(Connection).max(500),
    after: z.array(ArtifactId).max(100).describe('Artifacts that must stand before: links.'),
  })
  .superRefine(({ connections }, context) => {
    const seen = new Set<string>();
    for (const it of connections) {
      for (const name of [it.name, ...it.tunnels.flatMap((one) => one.pairs.map((pair) => pair.name))]) {
        if (seen.has(name))
          context.addIssue({ code: 'custom', path: ['connections'], message: `${name} is there twice` });
        seen.add(name);
      }
      if ((it.preSharedKey === undefined) === (it.certificate === undefined))
        context.addIssue({ code: 'custom', path: ['connections'], message: `${it.name} needs a key or a certificate` });
    }
  });

export type StrongswanInput = z.infer<typeof StrongswanInput>;
export type Connection = StrongswanInput['connections'][number];
export type Tunnel = Connection['tunnels'][number];

/** A gateway with tunnels, or one peer of it. */
export type StrongswanFragment = { readonly namespace: string } & (
  | { readonly base: Pick<StrongswanInput, 'owner' | 'whileActive' | 'after'> }
  | { readonly connection: Connection }
);

/** Which part of the machine protects packets. */
export const kernels = ['esp', 'libipsec'] as const;
export type Kernel = (typeof kernels)[number];

/** What the keeper of tunnels reads: with opened secrets. */
export const KeeperFile = z.strictObject({
  owner: ResourceKeyText,
  kernel: z.enum(kernels),
  connections: z.array(
    z.strictObject({
      ...Connection.shape,
      preSharedKey: z.string().optional(),
      certificate: z
        .strictObject({ own: z.string(), key: z.string(), trusted: z.string(), revoked: z.string() })
        .optional()
        .describe('PEM.'),
    }),
  ),
});
export type KeeperFile = z.infer<typeof KeeperFile>;
export type OpenConnection = KeeperFile['connections'][number];
