import type { Engine } from '#core/engine.ts';
import { bridgeEngine } from '#engines/bridge/driver.ts';
import { bridgeUplinkEngine } from '#engines/bridge-uplink/driver.ts';
import { captivePortalEngine } from '#engines/captive-portal/driver.ts';
import { conntrackdEngine } from '#engines/conntrackd/driver.ts';
import { dhcpClientEngine } from '#engines/dhcp-client/driver.ts';
import { dnsmasqEngine } from '#engines/dnsmasq/driver.ts';
import { edgeEngine } from '#engines/edge/driver.ts';
import { filterEngine } from '#engines/filter/driver.ts';
import { firewallEngine } from '#engines/firewall/driver.ts';
import { gatewayServiceEngine } from '#engines/gateway-service/driver.ts';
import { haproxyEngine } from '#engines/haproxy/driver.ts';
import { imageEngine } from '#engines/image/driver.ts';
import { keepalivedEngine } from '#engines/keepalived/driver.ts';
import { linkEngine } from '#engines/link/driver.ts';
import { metadataEngine } from '#engines/metadata/driver.ts';
import { mirrorEngine } from '#engines/mirror/driver.ts';
import { namespaceEngine } from '#engines/namespace/driver.ts';
import { natEngine } from '#engines/nat/driver.ts';
import { openvpnEngine } from '#engines/openvpn/driver.ts';
import { pkiEngine } from '#engines/pki/driver.ts';
import { routingEngine } from '#engines/routing/driver.ts';
import { sandboxEngine } from '#engines/sandbox/driver.ts';
import { slapdEngine } from '#engines/slapd/driver.ts';
import { squidEngine } from '#engines/squid/driver.ts';
import { strongswanEngine } from '#engines/strongswan/driver.ts';
import { suricataEngine } from '#engines/suricata/driver.ts';
import { ulogdEngine } from '#engines/ulogd/driver.ts';
import { uplinkEngine } from '#engines/uplink/driver.ts';
import { vxlanEngine } from '#engines/vxlan/driver.ts';

// biome-ignore lint/suspicious/noExplicitAny: a registry of engines of every input; each judges its own by its schema
type AnyEngine = Engine<any>;

const all: readonly AnyEngine[] = [
  namespaceEngine,
  bridgeEngine,
  bridgeUplinkEngine,
  vxlanEngine,
  linkEngine,
  firewallEngine,
  filterEngine,
  routingEngine,
  natEngine,
  mirrorEngine,
  dnsmasqEngine,
  dhcpClientEngine,
  metadataEngine,
  imageEngine,
  pkiEngine,
  sandboxEngine,
  slapdEngine,
  squidEngine,
  suricataEngine,
  ulogdEngine,
  uplinkEngine,
  edgeEngine,
  haproxyEngine,
  conntrackdEngine,
  gatewayServiceEngine,
  strongswanEngine,
  keepalivedEngine,
  openvpnEngine,
  captivePortalEngine,
];

export type Engines = ReadonlyMap<string, AnyEngine>;

/** Every engine that this machine can drive, by name. */
export const engines: Engines = new Map(all.map((it) => [it.name, it]));
