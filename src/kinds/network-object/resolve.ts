import type { Snapshot } from '#core/resource.ts';
import { type Interval, merged, without } from '#lib/intervals.ts';
import { address, firstOf, lastOf, prefix } from '#lib/ip.ts';
import { builtInObjects, interfaceObject } from './built-in.ts';
import { networkObject } from './kind.ts';
import { type NetworkObjectSpec, parseRange } from './spec.ts';

/** What a gateway gives to the objects that are named after its interfaces. */
export interface Standing {
  readonly interfaces: readonly {
    readonly name: string;
    /** Leads outside: what lies behind it is nobody's own. */
    readonly external: boolean;
    /** Its addresses, shared ones included. */
    readonly addresses: readonly string[];
    /** Prefixes on it. */
    readonly networks: readonly string[];
  }[];
  /** What is reached through tunnels of each kind. */
  readonly tunnels: readonly { readonly name: string; readonly networks: readonly string[] }[];
}

export interface Place {
  readonly project: string;
  readonly snapshot: Snapshot;
  readonly standing: Standing;
}

/** Addresses of an object as sorted disjoint intervals; undefined when it names an interface that the gateway lacks. */
export const addressesOf = (name: string, place: Place): readonly Interval[] | undefined =>
  resolved(name, place, new Set());

function resolved(name: string, place: Place, seen: Set<string>): readonly Interval[] | undefined {
  if (seen.has(name)) return [];
  seen.add(name);
  const declared = Object.hasOwn(builtInObjects, name)
    ? undefined
    : place.snapshot.find(networkObject, place.project, name);
  if (declared?.name === name) return ofSpec(declared.spec, place, seen);
  return builtIn(name, place.standing);
}

function ofSpec(spec: NetworkObjectSpec, place: Place, seen: Set<string>): readonly Interval[] | undefined {
  if (spec.host !== undefined) return [oneOf(spec.host)];
  if (spec.network !== undefined) return [spanOf(spec.network)];
  if (spec.range !== undefined) return [parseRange(spec.range) ?? everything];
  const parts: Interval[] = [];
  for (const name of spec.group ?? []) {
    const part = resolved(name, place, seen);
    if (part === undefined) return undefined;
    parts.push(...part);
  }
  return merged(parts);
}

const everything: Interval = [0, 0xffffffff];
const spanOf = (text: string): Interval => [firstOf(prefix(text)), lastOf(prefix(text))];
const oneOf = (text: string): Interval => [address(text), address(text)];

/** RFC 1918, RFC 6598, loopback, link-local, multicast and beyond: nothing of the internet lies there. */
const notOutside = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '224.0.0.0/3',
].map(spanOf);

function builtIn(name: string, { interfaces, tunnels }: Standing): readonly Interval[] | undefined {
  const internals = interfaces.filter((it) => !it.external).flatMap((it) => it.networks.map(spanOf));
  if (name === 'any') return [everything];
  if (name === 'network-internals') return merged(internals);
  if (name === 'internet')
    return without(everything, [...notOutside, ...internals, ...tunnels.flatMap((it) => it.networks.map(spanOf))]);
  if (name === 'firewall-all') return merged(interfaces.flatMap((it) => it.addresses.map(oneOf)));
  const named = interfaceObject(name);
  if (named?.of === 'network') {
    const tunnel = tunnels.find((it) => it.name === named.interface);
    if (tunnel !== undefined) return merged(tunnel.networks.map(spanOf));
  }
  const found = interfaces.find((it) => it.name === named?.interface);
  if (named === undefined || found === undefined) return undefined;
  return merged(named.of === 'firewall' ? found.addresses.map(oneOf) : found.networks.map(spanOf));
}
