import { shortName } from '#lib/hash.ts';

/** Where the captive portal of one gateway stands. */
export interface CaptivePortalPaths {
  /** Root's, readable by the proxy: its configuration and its certificate with the key. */
  readonly folder: string;
  readonly config: string;
  readonly certificate: string;
  /** Root's, readable by our service. */
  readonly service: string;
  readonly input: string;
  /** Our service's own: who is signed in. */
  readonly own: string;
  readonly sessions: string;
  readonly sockets: string;
  readonly socket: string;
}

export function captivePortalPaths(places: { readonly run: string }, namespace: string): CaptivePortalPaths {
  const folder = `${places.run}/gateway/${namespace}/captive-portal`;
  const service = `${places.run}/gateway/${namespace}/captive-portal-service`;
  // Sockets have short paths, whatever the gateway's name is.
  const sockets = `${places.run}/vpn-sockets/${shortName(`portal ${namespace}`, 10)}`;
  return {
    folder,
    config: `${folder}/haproxy.cfg`,
    certificate: `${folder}/portal.pem`,
    service,
    input: `${service}/portal.json`,
    own: `${service}/own`,
    sessions: `${service}/own/sessions.json`,
    sockets,
    socket: `${sockets}/portal.sock`,
  };
}
