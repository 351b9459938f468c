import type { Engine } from '#core/engine.ts';
import { dnsmasqEngine } from '#engines/dnsmasq/driver.ts';
import { edgeEngine } from '#engines/edge/driver.ts';
import { firewallEngine } from '#engines/firewall/driver.ts';
import { haproxyEngine } from '#engines/haproxy/driver.ts';
import { imageEngine } from '#engines/image/driver.ts';
import { linkEngine } from '#engines/link/driver.ts';
import { metadataEngine } from '#engines/metadata/driver.ts';
import { mirrorEngine } from '#engines/mirror/driver.ts';
import { namespaceEngine } from '#engines/namespace/driver.ts';
import { natEngine } from '#engines/nat/driver.ts';
import { sandboxEngine } from '#engines/sandbox/driver.ts';
import { slapdEngine } from '#engines/slapd/driver.ts';
import { suricataEngine } from '#engines/suricata/driver.ts';
import { ulogdEngine } from '#engines/ulogd/driver.ts';
import { uplinkEngine } from '#engines/uplink/driver.ts';

// biome-ignore lint/suspicious/noExplicitAny: a registry of engines of every input; each judges its own by its schema
type AnyEngine = Engine<any>;

const all: readonly AnyEngine[] = [
  namespaceEngine,
  linkEngine,
  firewallEngine,
  natEngine,
  mirrorEngine,
  dnsmasqEngine,
  metadataEngine,
  imageEngine,
  sandboxEngine,
  slapdEngine,
  suricataEngine,
  ulogdEngine,
  uplinkEngine,
  edgeEngine,
  haproxyEngine,
];

export type Engines = ReadonlyMap<string, AnyEngine>;

/** Every engine that this machine can drive, by name. */
export const engines: Engines = new Map(all.map((it) => [it.name, it]));
