import { formatAddress, lastOf, prefix } from '#lib/ip.ts';
import { baseRules, type LookupName, lookupNames } from './base.ts';
import { type Contents, noSpare } from './contents.ts';
import { formatNumber } from './numbers.ts';

/** What `nft -j list table ip fw` says, as far as it matters here. Everything else in it is passed over. */
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
  /** The permanent chains are there, and hooked ones drop by default. */
  readonly sound: boolean;
}

const permanent: ReadonlySet<string> = new Set([...lookupNames, 'log_rate', 'forward', ...Object.keys(baseRules)]);

/**
 * Reads a listing of the table. Rules are only counted: if there are as many in the forward chain as in `forward`, they
 * are taken for those. Total: what it does not understand makes the table unsound, never an error.
 */
export function readBack(json: string, forward: Contents['forward']): Readback | undefined {
  const listed = parse(json);
  if (listed?.nftables === undefined) return undefined;
  const objects = new Map<string, 'chain' | 'map'>();
  const sizes = new Map<string, number>();
  const policies = new Map<string, string>();
  const elements = new Map<string, ReadonlyMap<string, string>>();
  for (const { chain, rule, map, set } of listed.nftables) {
    const lookup = map ?? set;
    if (chain !== undefined) {
      if (!permanent.has(chain.name)) objects.set(chain.name, 'chain');
      if (chain.policy !== undefined) policies.set(chain.name, chain.policy);
    } else if (rule !== undefined) sizes.set(rule.chain, (sizes.get(rule.chain) ?? 0) + 1);
    else if (lookup !== undefined && permanent.has(lookup.name)) {
      elements.set(lookup.name, new Map((lookup.elem ?? []).map(elementOf)));
    } else if (lookup !== undefined) {
      objects.set(lookup.name, 'map');
      sizes.set(lookup.name, lookup.elem?.length ?? 0);
    }
  }
  const elementsOf = (name: LookupName) => elements.get(name) ?? new Map<string, string>();
  const all = Object.fromEntries(lookupNames.map((name) => [name, elementsOf(name)])) as Contents['elements'];
  const uplinks = new Map([...all.uplinks.keys()].map((name) => [`"${name}"`, '']));
  const same = sizes.get('forward') === forward?.length;
  return {
    contents: { objects, elements: { ...all, uplinks }, forward: same ? forward : undefined, spare: noSpare },
    sizes,
    sound:
      policies.get('forward') === 'drop' &&
      policies.get('input') === 'drop' &&
      lookupNames.every((name) => elements.has(name)) &&
      Object.entries(baseRules).every(([chain, rules]) => sizes.get(chain) === rules.length),
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
  return [keyText(key), verdictText(data)];
}

/** Keys as we write them: numbers in hex, intervals of addresses by both ends. */
function keyText(key: unknown): string {
  if (typeof key === 'number') return formatNumber(key);
  const range = field(key, 'range');
  if (Array.isArray(range)) return range.join('-');
  const [from, length] = [field(field(key, 'prefix'), 'addr'), field(field(key, 'prefix'), 'len')];
  if (typeof from !== 'string' || typeof length !== 'number') return String(key);
  return `${from}-${formatAddress(lastOf(prefix(`${from}/${length}`)))}`;
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
