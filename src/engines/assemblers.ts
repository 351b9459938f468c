import { assembleBridges } from './bridge/assemble.ts';
import { assembleBridgeUplinks } from './bridge-uplink/assemble.ts';
import { assembleCaptivePortals } from './captive-portal/assemble.ts';
import { assembleConntrackd } from './conntrackd/assemble.ts';
import { assembleDhcpClients } from './dhcp-client/assemble.ts';
import { assembleDns } from './dnsmasq/assemble.ts';
import { assembleEdges } from './edge/assemble.ts';
import { assembleFilters } from './filter/assemble.ts';
import { assembleFirewalls } from './firewall/assemble.ts';
import type { Assemble, EngineFragments } from './fragments.ts';
import { assembleGatewayServices } from './gateway-service/assemble.ts';
import { assembleHaproxy } from './haproxy/assemble.ts';
import { assembleImages } from './image/assemble.ts';
import { assembleKeepalived } from './keepalived/assemble.ts';
import { assembleLinks } from './link/assemble.ts';
import { assembleMetadata } from './metadata/assemble.ts';
import { assembleMirrors } from './mirror/assemble.ts';
import { assembleNamespaces } from './namespace/assemble.ts';
import { assembleNat } from './nat/assemble.ts';
import { assembleOpenvpn } from './openvpn/assemble.ts';
import { assemblePki } from './pki/assemble.ts';
import { assembleRouting } from './routing/assemble.ts';
import { assembleSandboxes } from './sandbox/assemble.ts';
import { assembleSlapd } from './slapd/assemble.ts';
import { assembleSquid } from './squid/assemble.ts';
import { assembleStrongswan } from './strongswan/assemble.ts';
import { assembleSuricata } from './suricata/assemble.ts';
import { assembleUlogd } from './ulogd/assemble.ts';
import { assembleUplinks } from './uplink/assemble.ts';
import { assembleVxlans } from './vxlan/assemble.ts';

/** The pure half of every engine: how fragments of many resources become artifacts. */
export const assemblers: { readonly [E in keyof EngineFragments]: Assemble<EngineFragments[E]> } = {
  namespace: assembleNamespaces,
  bridge: assembleBridges,
  'bridge-uplink': assembleBridgeUplinks,
  vxlan: assembleVxlans,
  link: assembleLinks,
  firewall: assembleFirewalls,
  filter: assembleFilters,
  nat: assembleNat,
  mirror: assembleMirrors,
  dnsmasq: assembleDns,
  'dhcp-client': assembleDhcpClients,
  metadata: assembleMetadata,
  image: assembleImages,
  pki: assemblePki,
  routing: assembleRouting,
  sandbox: assembleSandboxes,
  slapd: assembleSlapd,
  squid: assembleSquid,
  strongswan: assembleStrongswan,
  suricata: assembleSuricata,
  ulogd: assembleUlogd,
  uplink: assembleUplinks,
  edge: assembleEdges,
  haproxy: assembleHaproxy,
  keepalived: assembleKeepalived,
  conntrackd: assembleConntrackd,
  'gateway-service': assembleGatewayServices,
  'captive-portal': assembleCaptivePortals,
  openvpn: assembleOpenvpn,
};
