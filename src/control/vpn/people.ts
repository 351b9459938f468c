import type { VpnSession } from '#engines/openvpn/status.ts';
import { shortName } from '#lib/hash.ts';
import { parseAddress } from '#lib/ip.ts';

/** Somebody who is connected, as it is shown. */
export interface ConnectedPerson {
  readonly server: string;
  readonly gateway: string;
  readonly email: string;
  readonly displayName?: string;
  /** In the tunnel. */
  readonly address: string;
  /** Where the client is. */
  readonly from: string;
  readonly transport: 'udp' | 'tcp';
  /** RFC 3339. */
  readonly since: string;
  readonly received: number;
  readonly sent: number;
  readonly client?: string;
}

export const shown = (
  { since, displayName, client, ...session }: VpnSession,
  at: { readonly server: string; readonly gateway: string },
): ConnectedPerson => ({
  ...at,
  ...{ email: session.email, address: session.address, from: session.from, transport: session.transport },
  ...(displayName === undefined ? {} : { displayName }),
  since: new Date(since).toISOString(),
  ...{ received: session.received, sent: session.sent },
  ...(client === undefined ? {} : { client }),
});

export const byAddress = (a: ConnectedPerson, b: ConnectedPerson): number =>
  (parseAddress(a.address) ?? 0) - (parseAddress(b.address) ?? 0);

/** Under which a person's certificate for the VPN is kept: readable, and nobody else's. */
export function personalId(email: string): string {
  const readable = email
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .slice(0, 80);
  return `ssl-vpn.${readable}.${shortName(`person ${email.toLowerCase()}`, 8)}`;
}
