import type { Snapshot } from '#core/resource.ts';
import type { Services } from '#engines/filter/match.ts';
import { type Published, servicesMeet } from '#engines/filter/published.ts';
import { protocolNumbers } from '#engines/filter/service.ts';
import { setsOf } from '#engines/filter/sets.ts';
import { address, formatPrefix, prefix, prefixesOf } from '#lib/ip.ts';
import { filterPolicy } from '../filter-policy/kind.ts';
import { addressesOf } from '../network-object/resolve.ts';
import { listenersOf } from '../ssl-vpn-server/served.ts';
import { ipsecOf } from './ipsec.ts';
import { natOf } from './nat.ts';
import { serverAt } from './people.ts';
import { configurationOf, type Gateway, type Port, placeOf, portsOf } from './place.ts';
import { serviceKey, serviceSet } from './sets.ts';

/** Something that the gateway itself answers to. */
interface Answering {
  readonly what: string;
  readonly addresses: readonly string[];
  readonly services: Services | undefined;
}

/** Addresses are translated before anything is for the gateway: what NAT rules lead elsewhere never reaches it. */
export function publishWarnings(it: Gateway, snapshot: Snapshot): readonly string[] {
  const own = answeringAt(it, snapshot);
  return natOf(it, snapshot).published.flatMap((published) =>
    own
      .filter((one) => one.addresses.includes(published.address) && servicesMeet(one.services, published.services))
      .map(
        ({ what }) =>
          `warning: ${ruleOf(published)} leads what is for ${what} at ${published.address} to ${published.server}: publish at another address or port`,
      ),
  );
}

function ruleOf({ id }: Published): string {
  const [, , policy = '', rule = ''] = id.split('/');
  return `${policy}: ${rule}`;
}

function answeringAt(it: Gateway, snapshot: Snapshot): readonly Answering[] {
  const { spec } = configurationOf(it, snapshot);
  const ports = portsOf(it, snapshot);
  const server = serverAt(it, snapshot);
  const { tcp, udp } = protocolNumbers;
  const dhcp = ports.filter((port) => spec.dhcp.includes(port.name));
  return [
    ...spec.management.map(({ services: names }) => ({
      what: `management (${names.join(', ')})`,
      addresses: addressesAt(ports),
      services: setsOf({ addressSets: [], serviceSets: names.map((name) => serviceSet(name, it, snapshot)) }).services(
        names.map((name) => serviceKey(it, name)),
      ),
    })),
    ...(server === undefined ? [] : listenersOf(server, snapshot)).map(({ transport, port }) => ({
      what: `the SSL VPN (${transport} ${port})`,
      addresses: addressesAt(ports.filter((one) => one.external)),
      services: only(transport === 'tcp' ? tcp : udp, port),
    })),
    ...ipsecOf(it, snapshot).tunnels.map(({ tunnel, local }) => ({
      what: `the IPsec tunnel ${tunnel.name} (udp 500, 4500)`,
      addresses: [local],
      services: only(udp, 500, 4500),
    })),
    ...dhcp.map((port) => ({
      what: `DNS of ${port.name} (tcp and udp 53)`,
      addresses: addressesAt([port]),
      services: new Map([...only(tcp, 53), ...only(udp, 53)]),
    })),
  ];
}

const addressesAt = (ports: readonly Port[]): readonly string[] =>
  ports.flatMap((it) => [...it.shared, ...(it.own === undefined ? [] : [it.own])]);

const only = (protocol: number, ...ports: readonly number[]): ReadonlyMap<number, { from: number; to: number }[]> =>
  new Map([[protocol, ports.map((it) => ({ from: it, to: it }))]]);

/** Rules see what the sender wrote: a peer that knows a network under other addresses writes those. */
export function tunnelWarnings(it: Gateway, snapshot: Snapshot): readonly string[] {
  const shown = ipsecOf(it, snapshot).tunnels.flatMap(({ tunnel, pairs }) =>
    pairs.filter((pair) => pair.local !== pair.shown).map((pair) => ({ ...pair, tunnel: tunnel.name })),
  );
  const { filterPolicy: name } = configurationOf(it, snapshot).spec;
  const policy = name === undefined ? undefined : snapshot.find(filterPolicy, it.project, name);
  if (shown.length === 0 || policy === undefined) return [];
  const place = placeOf(it, snapshot);
  const networksOf = (object: string): readonly string[] =>
    (addressesOf(object, place) ?? []).flatMap(([from, to]) => prefixesOf(from, to).map(formatPrefix));
  return policy.spec.rules
    .filter((rule) => rule.enabled && !rule.destinationNot && rule.sourceInterfaces.includes('ipsec'))
    .flatMap((rule) => {
      const named = rule.destination.map((object) => ({ object, networks: networksOf(object) }));
      return shown
        .filter((pair) => !named.some((one) => one.networks.some((network) => meet(network, pair.shown))))
        .flatMap((pair) => {
          const wrong = named.find((one) => one.networks.some((network) => meet(network, pair.local)));
          return wrong === undefined
            ? []
            : [
                `warning: ${policy.name}: ${rule.name} matches nothing of the tunnel ${pair.tunnel}: its peer knows ${wrong.object} as ${pair.shown} (\`localAs\`), so name that as the destination`,
              ];
        });
    });
}

function meet(a: string, b: string): boolean {
  const [x, y] = [prefix(a), prefix(b)];
  const wide = x.length < y.length ? x : y;
  const [from, to] = [address(formatPrefix(wide).split('/')[0] ?? ''), 2 ** (32 - wide.length)];
  const base = (wide === x ? y : x).base;
  return base >= from && base < from + to;
}
