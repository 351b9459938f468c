import { assembleDns } from './dnsmasq/assemble.ts';
import { assembleEdges } from './edge/assemble.ts';
import { assembleFirewalls } from './firewall/assemble.ts';
import type { Assemble, EngineFragments } from './fragments.ts';
import { assembleHaproxy } from './haproxy/assemble.ts';
import { assembleImages } from './image/assemble.ts';
import { assembleLinks } from './link/assemble.ts';
import { assembleMetadata } from './metadata/assemble.ts';
import { assembleMirrors } from './mirror/assemble.ts';
import { assembleNamespaces } from './namespace/assemble.ts';
import { assembleNat } from './nat/assemble.ts';
import { assembleSandboxes } from './sandbox/assemble.ts';
import { assembleSlapd } from './slapd/assemble.ts';
import { assembleSuricata } from './suricata/assemble.ts';
import { assembleUlogd } from './ulogd/assemble.ts';
import { assembleUplinks } from './uplink/assemble.ts';

/** The pure half of every engine: how fragments of many resources become artifacts. */
export const assemblers: { readonly [E in keyof EngineFragments]: Assemble<EngineFragments[E]> } = {
  namespace: assembleNamespaces,
  link: assembleLinks,
  firewall: assembleFirewalls,
  nat: assembleNat,
  mirror: assembleMirrors,
  dnsmasq: assembleDns,
  metadata: assembleMetadata,
  image: assembleImages,
  sandbox: assembleSandboxes,
  slapd: assembleSlapd,
  suricata: assembleSuricata,
  ulogd: assembleUlogd,
  uplink: assembleUplinks,
  edge: assembleEdges,
  haproxy: assembleHaproxy,
};
