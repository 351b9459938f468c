import { formatNumber } from './numbers.ts';
import { baseRules, type Contents, type Marker } from './render.ts';

/** What `nft -j list table inet fw` says, as far as it matters here. Everything else in it is passed over. */
interface Listed {
  readonly nftables?: readonly {
    readonly chain?: { readonly name: string; readonly policy?: string };
    readonly rule?: { readonly chain: string };
    readonly map?: { readonly name: string; readonly elem?: readonly unknown[] };
    readonly set?: { readonly name: string; readonly elem?: readonly unknown[] };
  }[];
}

/** The contents as listed, and how much each object holds, for telling whether it is whole. */
export interface Readback {
  readonly contents: Contents;
  readonly sizes: ReadonlyMap<string, number>;
  /** The hooked chains are there and as we made them. */
  readonly sound: boolean;
}

const ownMaps = [
  'egress_of',
  'ingress_of',
  'verdict_egress',
  'verdict_ingress',
  'hosts',
  'denied_to',
  'uplinks',
] as const;
const permanent: ReadonlySet<string> = new Set([...ownMaps, 'log_rate', ...Object.keys(baseRules)]);

/** Reads a listing of the table. Total: what it does not understand makes the table unsound, never an error. */
export function readBack(json: string, marker: Marker): Readback | undefined {
  const listed = parse(json);
  if (listed?.nftables === undefined) return undefined;
  const objects = new Map<string, 'chain' | 'map'>();
  const sizes = new Map<string, number>();
  const policies = new Map<string, string>();
  const elements = new Map<string, ReadonlyMap<string, string>>(ownMaps.map((name) => [name, new Map()]));
  for (const { chain, rule, map, set } of listed.nftables) {
    const lookup = map ?? set;
    if (chain !== undefined) {
      if (!permanent.has(chain.name)) objects.set(chain.name, 'chain');
      if (chain.policy !== undefined) policies.set(chain.name, chain.policy);
    } else if (rule !== undefined) sizes.set(rule.chain, (sizes.get(rule.chain) ?? 0) + 1);
    else if (lookup !== undefined && elements.has(lookup.name)) {
      elements.set(lookup.name, new Map((lookup.elem ?? []).map(elementOf)));
    } else if (lookup !== undefined && !permanent.has(lookup.name)) {
      objects.set(lookup.name, 'map');
      sizes.set(lookup.name, lookup.elem?.length ?? 0);
    }
  }
  const elementsOf = (name: string) => elements.get(name) ?? new Map<string, string>();
  return {
    contents: {
      marker,
      objects,
      elements: {
        egress_of: elementsOf('egress_of'),
        ingress_of: elementsOf('ingress_of'),
        verdict_egress: elementsOf('verdict_egress'),
        verdict_ingress: elementsOf('verdict_ingress'),
        hosts: elementsOf('hosts'),
        denied_to: elementsOf('denied_to'),
        uplinks: new Map([...elementsOf('uplinks').keys()].map((name) => [`"${name}"`, ''])),
      },
    },
    sizes,
    sound:
      policies.get('forward') === 'drop' &&
      policies.get('input') === 'drop' &&
      Object.entries(baseRules).every(([chain, size]) => sizes.get(chain) === size),
  };
}

/** Packets counted per element of a map or set, by its key as we write it. */
export function readCounters(json: string): ReadonlyMap<string, number> {
  const lookup = (parse(json)?.nftables ?? []).map((it) => it.map ?? it.set).find((it) => it !== undefined);
  return new Map((lookup?.elem ?? []).map((it) => [elementOf(it)[0], packetsOf(it)]));
}

function parse(json: string): Listed | undefined {
  try {
    return JSON.parse(json) as Listed;
  } catch {
    return undefined;
  }
}

const field = (it: unknown, name: string): unknown =>
  typeof it === 'object' && it !== null ? (it as Readonly<Record<string, unknown>>)[name] : undefined;

/** An element is its key, or `{elem: {val, counter}}`, or in maps a pair of that and the data. */
function elementOf(element: unknown): readonly [key: string, data: string] {
  const [head, data] = Array.isArray(element) ? element : [element, undefined];
  const key = field(field(head, 'elem'), 'val') ?? head;
  return [typeof key === 'number' ? formatNumber(key) : String(key), verdictText(data)];
}

function packetsOf(element: unknown): number {
  const head = Array.isArray(element) ? element[0] : element;
  const packets = field(field(field(head, 'elem'), 'counter'), 'packets');
  return typeof packets === 'number' ? packets : 0;
}

function verdictText(data: unknown): string {
  if (typeof data !== 'object' || data === null) return '';
  const [verb = ''] = Object.keys(data);
  const target = field(field(data, verb), 'target');
  return typeof target === 'string' ? `${verb} ${target}` : verb;
}
