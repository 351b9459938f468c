import type { Artifact } from '#core/artifact.ts';
import type { BridgeFragment } from './bridge/input.ts';
import type { BridgeUplinkFragment } from './bridge-uplink/input.ts';
import type { CaptivePortalFragment } from './captive-portal/input.ts';
import type { ConntrackdFragment } from './conntrackd/input.ts';
import type { DhcpClientFragment } from './dhcp-client/input.ts';
import type { DnsFragment } from './dnsmasq/input.ts';
import type { EdgeFragment } from './edge/input.ts';
import type { FilterFragment } from './filter/assemble.ts';
import type { FirewallFragment } from './firewall/assemble.ts';
import type { GatewayServiceFragment } from './gateway-service/input.ts';
import type { HaproxyFragment } from './haproxy/input.ts';
import type { ImageInput } from './image/image.ts';
import type { KeepalivedFragment } from './keepalived/input.ts';
import type { LinkFragment } from './link/input.ts';
import type { MetadataFragment } from './metadata/input.ts';
import type { MirrorFragment } from './mirror/input.ts';
import type { NamespaceFragment } from './namespace/input.ts';
import type { NatFragment } from './nat/input.ts';
import type { OpenvpnFragment } from './openvpn/input.ts';
import type { PkiFragment } from './pki/input.ts';
import type { RoutingFragment } from './routing/assemble.ts';
import type { SandboxFragment } from './sandbox/assemble.ts';
import type { SlapdFragment } from './slapd/input.ts';
import type { SquidFragment } from './squid/input.ts';
import type { StrongswanFragment } from './strongswan/input.ts';
import type { SuricataInput } from './suricata/input.ts';
import type { UlogdInput } from './ulogd/input.ts';
import type { UplinkFragment } from './uplink/input.ts';
import type { VxlanFragment } from './vxlan/input.ts';

/** What kinds may add to engines. Several resources may add to one artifact; the engine's `assemble` joins them. */
export interface EngineFragments {
  readonly namespace: NamespaceFragment;
  readonly bridge: BridgeFragment;
  readonly 'bridge-uplink': BridgeUplinkFragment;
  readonly vxlan: VxlanFragment;
  readonly link: LinkFragment;
  readonly firewall: FirewallFragment;
  readonly filter: FilterFragment;
  readonly nat: NatFragment;
  readonly mirror: MirrorFragment;
  readonly dnsmasq: DnsFragment;
  readonly 'dhcp-client': DhcpClientFragment;
  readonly metadata: MetadataFragment;
  readonly image: ImageInput;
  readonly pki: PkiFragment;
  readonly routing: RoutingFragment;
  readonly sandbox: SandboxFragment;
  readonly slapd: SlapdFragment;
  readonly squid: SquidFragment;
  readonly strongswan: StrongswanFragment;
  readonly suricata: SuricataInput;
  readonly ulogd: UlogdInput;
  readonly uplink: UplinkFragment;
  readonly edge: EdgeFragment;
  readonly haproxy: HaproxyFragment;
  readonly keepalived: KeepalivedFragment;
  readonly conntrackd: ConntrackdFragment;
  readonly 'gateway-service': GatewayServiceFragment;
  readonly openvpn: OpenvpnFragment;
  readonly 'captive-portal': CaptivePortalFragment;
}

/** A fragment with the key of the resource that gave it. */
export interface Owned<F> {
  readonly owner: string;
  readonly fragment: F;
}

/** Joins the fragments of one engine to artifacts. Pure; the order of the fragments must not matter. */
export type Assemble<F, I = unknown> = (fragments: readonly Owned<F>[]) => readonly Artifact<I>[];

/** Groups fragments by the artifact they belong to, owners sorted and unique. */
export function grouped<F>(
  fragments: readonly Owned<F>[],
  keyOf: (fragment: F) => string,
): ReadonlyMap<string, { readonly owners: readonly string[]; readonly fragments: readonly F[] }> {
  const groups = new Map<string, { owners: Set<string>; fragments: F[] }>();
  const sorted = fragments.map((it) => ({ ...it, order: JSON.stringify(it.fragment) }));
  sorted.sort((a, b) => compare(a.owner, b.owner) || compare(a.order, b.order));
  for (const { owner, fragment } of sorted) {
    const key = keyOf(fragment);
    const group = groups.get(key) ?? { owners: new Set<string>(), fragments: [] };
    group.owners.add(owner);
    group.fragments.push(fragment);
    groups.set(key, group);
  }
  return new Map(
    [...groups].sort(([a], [b]) => compare(a, b)).map(([key, it]) => [key, { ...it, owners: [...it.owners].sort() }]),
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
