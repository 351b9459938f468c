import * as z from 'zod';
import { ProjectName } from '../openvpn/input.ts';
import { AuthorityId, CertificateId } from '../pki/input.ts';
import { Address, NamespaceName, Prefix, ResourceKeyText } from '../schemas.ts';

const Port = z.int().min(1).max(65_535);
const Host = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
  .describe('Name or address, as clients write it.');

/** The captive portal of one gateway: a proxy that shows the pages of the edge service, and our service, which keeps the rights. */
export const CaptivePortalInput = z.strictObject({
  namespace: NamespaceName,
  owner: ResourceKeyText.describe('Key of the gateway.'),
  project: ProjectName,
  portal: ResourceKeyText.describe('Key of the gateway or cluster; members of a cluster have it in common.'),
  port: Port.describe('TCP port of the pages.'),
  divertPort: Port.describe('Port of 127.0.0.1 to which the filter hands HTTP of who has not signed in.'),
  places: z
    .array(z.strictObject({ networks: z.array(Prefix).max(64), host: Host }))
    .min(1)
    .max(16)
    .describe('Where clients of which networks find the pages; the first is for all others.'),
  certificate: z
    .strictObject({ authority: AuthorityId, id: CertificateId })
    .optional()
    .describe('What it shows. Absent: the deployment’s authority issues one.'),
  names: z.array(Host).max(16).describe('DNS names of one that is issued for it.'),
  addresses: z.array(Address).max(64).describe('Addresses of one that is issued for it.'),
});
export type CaptivePortalInput = z.infer<typeof CaptivePortalInput>;
export type CaptivePortalFragment = z.input<typeof CaptivePortalInput>;

/** What our service reads. */
export const PortalFile = z.strictObject({
  namespace: NamespaceName,
  portal: ResourceKeyText,
  run: z.string(),
  edgeSocket: z.string(),
});
export type PortalFile = z.infer<typeof PortalFile>;
