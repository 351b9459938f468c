import type { DnsFragment } from '#engines/dnsmasq/input.ts';
import type { OwnFront } from '#engines/haproxy/input.ts';
import type { LinkFragment } from '#engines/link/input.ts';
import { edgeLinkId, FRONT_END } from './edge.ts';
import { networkNamespace } from './fabric.ts';

/**
 * The cloud's own names inside of networks, as with Private Google Access: they lead to an address that the cloud keeps for
 * that (private.googleapis.com), which stands at the project's edge. An application that fetches the keys of the
 * identity-aware proxy where the cloud publishes them finds ours, under a certificate that its host trusts.
 */

/** First of 199.36.153.8/30. */
export const GOOGLE_FRONT = '199.36.153.8';
const names = ['www.gstatic.com'];

export const toGoogleFront = (id: string): OwnFront => ({
  id,
  name: 'google',
  address: GOOGLE_FRONT,
  port: 443,
  names,
});

export const toGoogleNames = (project: string, network: string): DnsFragment => ({
  namespace: networkNamespace(project, network),
  record: { address: GOOGLE_FRONT, names },
});

export const toGoogleRoute = (project: string, network: string): LinkFragment => ({
  id: edgeLinkId(project, network),
  end: 'a',
  routes: [{ destination: `${GOOGLE_FRONT}/32`, via: FRONT_END }],
});
