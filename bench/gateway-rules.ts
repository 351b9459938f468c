import type { Packet } from '#engines/filter/evaluate.ts';
import type { FilterInput, FilterRule } from '#engines/filter/input.ts';
import type { Side } from '#engines/filter/side.ts';
import { below, pick, seeded } from '../test/firewall-samples.ts';
import type { Line } from './firewall-peers.ts';

/** What the policy is made of: hosts, networks and services as a large office names them. */
const networks = Array.from({ length: 200 }, (_, index) => `10.${index}.0.0/16`);
const outside = Array.from({ length: 200 }, (_, index) => `${20 + (index >> 3)}.${(index & 7) * 32}.0.0/12`);

interface Said {
  readonly action: 'pass' | 'block';
  readonly source: string | undefined;
  readonly destination: string | undefined;
  readonly protocol: 'tcp' | 'udp';
  readonly ports: readonly [number, number] | undefined;
}

/**
 * Rules from outside to inside: 5 % from anywhere, 8 % to anywhere, else hosts (60 %) and networks; 60 services, one in ten
 * a range of ports; one rule in fifty for every port; 80 % let through. The same size gives the same rules.
 */
export function saidRules(size: number): readonly Said[] {
  const random = seeded(size);
  const host = (of: readonly string[]): string =>
    `${pick(random, of).split('.').slice(0, 2).join('.')}.${below(random, 256)}.${1 + below(random, 4)}/32`;
  const end = (of: readonly string[]): string => (random() < 0.6 ? host(of) : pick(random, of));
  return Array.from({ length: size }, (_, index): Said => {
    const service = below(random, 60);
    const from = service % 10 === 9 ? 1000 + 200 * service : 8000 + service;
    return {
      action: random() < 0.8 ? 'pass' : 'block',
      source: index % 20 === 3 ? undefined : end(outside),
      destination: index % 12 === 5 ? undefined : random() < 0.15 ? '10.0.1.1/32' : end(networks),
      protocol: service % 6 === 5 ? 'udp' : 'tcp',
      ports: index % 50 === 49 ? undefined : [from, service % 10 === 9 ? from + 100 : from],
    };
  });
}

export const linesOf = (said: readonly Said[]): readonly Line[] =>
  said.map(({ action, source, destination, protocol, ports }) => ({
    action: action === 'pass' ? 'allow' : 'deny',
    protocol,
    ports: ports === undefined ? '' : ports[0] === ports[1] ? `${ports[0]}` : `${ports[0]}:${ports[1]}`,
    source: source ?? '0.0.0.0/0',
    destination: destination ?? '0.0.0.0/0',
  }));

export function inputOf(said: readonly Said[]): FilterInput {
  const addresses = new Set(said.flatMap((it) => [it.source ?? [], it.destination ?? []].flat()));
  const address = (text: string): string => `bench/networkObject/${text.replace('/', '-')}`;
  const service = ({ protocol, ports }: Said): string => `bench/serviceObject/${protocol}-${ports?.join('-') ?? 'any'}`;
  const services = new Map(said.map((it) => [service(it), it]));
  const side = (text: string | undefined): Side => ({
    sets: text === undefined ? [] : [address(text)],
    negated: false,
  });
  return {
    namespace: 'gw',
    owner: 'bench/gateway/gw',
    interfaces: [
      { name: 'ext', networks: [], external: true, antispoofing: true },
      { name: 'lan', networks: ['10.0.0.0/8'], external: false, antispoofing: true },
    ],
    addressSets: [...addresses].map((it) => ({ key: address(it), ranges: [it] })),
    serviceSets: [...services].map(([key, { protocol, ports }]) => ({
      key,
      services: [{ protocol, ...(ports === undefined ? {} : { ports: [[...ports]] }) }],
    })),
    people: [],
    rules: said.map(
      (it, index): FilterRule => ({
        id: `bench/filterPolicy/p/r${index}`,
        number: index + 1,
        action: it.action,
        enabled: true,
        inInterfaces: [],
        outInterfaces: [],
        source: side(it.source),
        destination: side(it.destination),
        services: [service(it)],
        inspection: 'firewall',
        failOpen: true,
        divert: [],
        log: 'none',
      }),
    ),
    nat: [],
    local: [],
    guards: [],
    logGroup: 5,
    logLimit: { perSecond: 5, burst: 10 },
    logImplicit: false,
    cut: true,
  };
}

/** New connections that the rules let through, drawn evenly over the rules; all to one address if that is given. */
export function passingPackets(
  said: readonly Said[],
  passes: (packet: Packet) => boolean,
  { size, to }: { readonly size: number; readonly to?: string },
): readonly Packet[] {
  const random = seeded(99);
  const within = (prefix: string): string => {
    const [base = '', length = '32'] = prefix.split('/');
    const bytes = base.split('.').map(Number);
    return length === '32' ? base : `${bytes[0]}.${bytes[1]}.${below(random, 256)}.${1 + below(random, 250)}`;
  };
  const out: Packet[] = [];
  const rules = said.filter(
    (it) => it.action === 'pass' && (to === undefined || it.destination === undefined || it.destination === `${to}/32`),
  );
  for (let tries = 0; rules.length > 0 && out.length < size && tries < 20 * size; tries++) {
    const { source, destination, protocol, ports } = pick(random, rules);
    const [from, last] = ports ?? [1024, 60_000];
    const packet = {
      in: 'ext',
      out: 'lan',
      source: within(source ?? pick(random, outside)),
      destination: to ?? within(destination ?? pick(random, networks)),
      protocol: protocol === 'tcp' ? 6 : 17,
      port: from + below(random, last - from + 1),
    };
    if (passes(packet)) out.push(packet);
  }
  return out;
}
