import { hashOf, shortName } from '#lib/hash.ts';
import type { OpenvpnListener } from './input.ts';

interface Places {
  readonly run: string;
  readonly state: string;
}

/** Where the SSL VPN of one gateway stands. */
export interface OpenvpnPaths {
  /** Root's, readable by the service's user: configurations, keys. */
  readonly folder: string;
  readonly config: (transport: OpenvpnListener['transport']) => string;
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  readonly tlsCrypt: string;
  readonly tokenSecret: string;
  /** What our service reads. */
  readonly input: string;
  /** Management sockets and the service's own; its user's alone. */
  readonly sockets: string;
  readonly management: (transport: OpenvpnListener['transport']) => string;
  readonly service: string;
  /** The service's own: who is connected. */
  readonly own: string;
  readonly sessions: string;
  /** Which address people had last. */
  readonly addresses: string;
  /** Kept: what every gateway with this server shares. Root's alone. */
  readonly secrets: string;
  /** One JSON object a line. */
  readonly log: string;
}

export function openvpnPaths(
  places: Places,
  { namespace, server }: { readonly namespace: string; readonly server: string },
): OpenvpnPaths {
  const folder = `${places.run}/gateway/${namespace}/openvpn`;
  // Sockets have short paths, whatever the gateway's name is.
  const sockets = `${places.run}/vpn-sockets/${shortName(`vpn ${namespace}`, 10)}`;
  return {
    folder,
    config: (transport) => `${folder}/${transport}.conf`,
    authority: `${folder}/authority.crt`,
    certificate: `${folder}/server.crt`,
    key: `${folder}/server.key`,
    tlsCrypt: `${folder}/tls-crypt-v2.key`,
    tokenSecret: `${folder}/token.key`,
    input: `${folder}/vpn.json`,
    sockets,
    management: (transport) => `${sockets}/${transport}.sock`,
    service: `${sockets}/vpn.sock`,
    own: `${folder}/own`,
    sessions: `${folder}/own/sessions.json`,
    addresses: `${folder}/own/addresses.json`,
    secrets: secretsOf(places, server),
    log: `${places.state}/events/vpn/${namespace}.jsonl`,
  };
}

/** What every gateway with one server shares. */
const secretsOf = ({ state }: Pick<Places, 'state'>, server: string): string =>
  `${state}/openvpn/${hashOf(server).slice(0, 32)}`;

export const PROFILE_KEY = 'tls-crypt-v2.key';

/** The key that profiles of a server were made with. */
export const profileKey = (places: Pick<Places, 'state'>, server: string): string =>
  `${secretsOf(places, server)}/${PROFILE_KEY}`;

/** One that somebody restored, before it is taken up. */
export const restoredProfileKey = (places: Pick<Places, 'state'>, server: string): string =>
  `${profileKey(places, server)}.restored`;
