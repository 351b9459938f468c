import * as z from 'zod';
import { ArtifactId } from '#core/artifact.ts';
import { AuthorityId, CertificateId } from '../pki/input.ts';
import { Address, NamespaceName, Prefix, ResourceKeyText } from '../schemas.ts';

export const dataCiphers = ['AES-256-GCM', 'AES-128-GCM', 'CHACHA20-POLY1305', 'AES-256-CBC', 'AES-128-CBC'] as const;

/** Devices of the two listeners, made before openvpn starts, so that it needs no right to make any. */
export const devices = { udp: 'sslvpn-udp', tcp: 'sslvpn-tcp' } as const;

export const ProjectName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/)
  .describe('Name of the project.');

const Listener = z.strictObject({
  transport: z.enum(['udp', 'tcp']),
  port: z.int().min(1).max(65_535),
  network: Prefix.describe('Network of its clients; the first address is the server’s.'),
});

const Domain = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
  .describe('Domain in which clients look for short names.');

/** What holds for whoever comes in from now on; a change of it throws nobody out. */
const admission = {
  routes: z.array(Prefix).max(1000).describe('Networks that clients send here.'),
  dnsServers: z.array(Address).max(8).describe('Resolvers that clients are given.'),
  searchDomain: Domain.optional(),
  fullTunnel: z.boolean().describe('Whether clients send everything here.'),
  requiresCertificate: z.boolean().describe('Whether a client must show a certificate of its person.'),
  sessions: z.int().min(1).max(100_000).describe('How many may be connected at once.'),
  sessionsPerPerson: z.int().min(1).max(100).describe('How many one person may have; the oldest gives way.'),
  pingSeconds: z.int().min(1).max(600).describe('Seconds of silence after which a client says that it is there.'),
  timeoutSeconds: z.int().min(2).max(3600).describe('Seconds of silence after which a client connects anew.'),
} as const;

/** The SSL VPN server of one gateway: an openvpn for each transport, and our service, which lets people in. */
export const OpenvpnInput = z.strictObject({
  namespace: NamespaceName,
  owner: ResourceKeyText.describe('Key of the gateway.'),
  project: ProjectName,
  server: ResourceKeyText.describe('Key of the server; gateways with the same one are members of one cluster.'),
  listeners: z.array(Listener).min(1).max(2),
  ...admission,
  authority: z.strictObject({
    id: AuthorityId,
    certificate: CertificateId.describe('Under which id the server’s certificate is issued.'),
  }),
  ciphers: z.array(z.enum(dataCiphers)).min(1).max(dataCiphers.length).describe('Ciphers of data, best first.'),
  renegotiateSeconds: z.int().min(60).max(86_400).describe('Seconds after which keys, and rights, are renewed.'),
  tokenSeconds: z
    .int()
    .min(60)
    .max(2_592_000)
    .describe('Seconds for which a client may come back without being asked for the password.'),
  whileActive: z.boolean().describe('Whether it runs only while the gateway is the active one of a cluster.'),
  after: z.array(ArtifactId).max(100).default([]).describe('Artifacts that must stand before it.'),
});

export type OpenvpnInput = z.infer<typeof OpenvpnInput>;
export type OpenvpnListener = OpenvpnInput['listeners'][number];
export type OpenvpnFragment = z.input<typeof OpenvpnInput>;

/** What our service reads. */
export const VpnFile = z.strictObject({
  namespace: NamespaceName,
  server: ResourceKeyText,
  listeners: z.array(Listener),
  ...admission,
  run: z.string(),
  edgeSocket: z.string(),
  crl: z.string(),
});
export type VpnFile = z.infer<typeof VpnFile>;
