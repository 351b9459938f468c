import * as z from 'zod';
import { address as addressOf, firstOf, formatAddress, lastOf, prefix } from '#lib/ip.ts';
import { byText } from '#lib/text.ts';
import type { Interval } from '../packets/flatten.ts';
import { merged } from '../packets/flatten.ts';
import { Address, Prefix } from '../schemas.ts';
import { peopleDeclared, table } from './text.ts';
import { peopleName } from './verdicts.ts';

/**
 * Who may reach what at this moment: the elements of the sets that rules for people name. Whoever knows the sessions of a
 * gateway (its VPN service) owns the file and keeps the kernel's sets like it; the driver fills them from the file whenever
 * it loads a table. So rights follow sessions also while neither control nor the host agent is there.
 */
export const Grant = z.strictObject({
  address: Address.describe('Where the person is reached while the session lasts.'),
  networks: z.array(Prefix).max(10_000).describe('What it may reach.'),
  person: z.string().max(320).describe('Email address.'),
});
export type Grant = z.infer<typeof Grant>;

/** By set (a key of `FilterInput.people`) and holder: what names a session, for an old one may end after a new one began. */
export const Grants = z.record(z.string().max(300), z.record(z.string().max(200), Grant));
export type Grants = Readonly<Record<string, Readonly<Record<string, Grant>>>>;

interface Run {
  readonly run: string;
}

/** Who knows sessions: the VPN service of a gateway, and that of its captive portal. Each owns a file. */
export const grantSources = ['vpn', 'portal'] as const;
export type GrantSource = (typeof grantSources)[number];

/** The folder of who knows the sessions of a gateway; only that and control may enter. */
export const grantsFolder = ({ run }: Run, namespace: string): string => `${run}/vpn/${namespace}`;
export const grantsFile = (places: Run, namespace: string, source: GrantSource): string =>
  `${grantsFolder(places, namespace)}/${source === 'vpn' ? 'grants' : 'portal-grants'}.json`;

/** What cannot be read grants nothing. */
export function parseGrants(text: string | undefined): Grants {
  if (text === undefined) return {};
  try {
    return Grants.parse(JSON.parse(text));
  } catch {
    return {};
  }
}

/** What all sources grant together; whose session it is tells a holder from one of the same name elsewhere. */
export function joinedGrants(bySource: Readonly<Record<GrantSource, Grants>>): Grants {
  const out: Record<string, Record<string, Grant>> = {};
  for (const source of grantSources) {
    for (const [set, holders] of Object.entries(bySource[source])) {
      const own = Object.entries(holders).map(
        ([holder, grant]) => [`${source} ${holder}`.slice(0, 200), grant] as const,
      );
      out[set] = { ...out[set], ...Object.fromEntries(own) };
    }
  }
  return out;
}

/** As nft writes elements, by the name of the set. What one address may reach never overlaps, whoever granted it. */
export function elementsOf(grants: Grants): ReadonlyMap<string, readonly string[]> {
  return new Map(
    Object.entries(grants).map(([key, holders]) => {
      const byAddress = Map.groupBy(Object.values(holders), (it) => it.address);
      const addresses = [...byAddress.keys()].sort((a, b) => addressOf(a) - addressOf(b));
      const elements = addresses.flatMap((address) =>
        reached(byAddress.get(address) ?? []).map(
          ({ from, to }) => `${address} . ${formatAddress(from)}-${formatAddress(to)}`,
        ),
      );
      return [peopleName(key), elements] as const;
    }),
  );
}

/**
 * What makes these sets of the living table hold these grants, in one transaction for `nft --file`. It fails as a whole when
 * one of the sets is not there.
 */
export function renderGrants(grants: Grants, sets: readonly string[]): string {
  const elements = elementsOf(grants);
  return [...new Set(sets)]
    .map(peopleName)
    .sort(byText)
    .map((name) => `flush set ${table} ${name}\n${filledSet(name, elements.get(name) ?? [])}`)
    .join('');
}

/** A declaration, because for `add element` nft first reads the whole table back. */
export function filledSet(name: string, elements: readonly string[]): string {
  const filled = elements.length === 0 ? '' : ` elements = {\n${elements.join(',\n')}\n} ;`;
  return `add set ${table} ${name} { ${peopleDeclared}${filled} }\n`;
}

const reached = (grants: readonly Grant[]): readonly Interval[] =>
  merged(
    grants
      .flatMap((it) => it.networks)
      .map(prefix)
      .map((it) => ({ from: firstOf(it), to: lastOf(it) })),
  );

const holds = (intervals: readonly Interval[], destination: string): boolean => {
  const at = addressOf(destination);
  return intervals.some(({ from, to }) => from <= at && at <= to);
};

export type May = (set: string, source: string, destination: string) => boolean;

/** Whether somebody may reach a destination by a set. */
export function mayOf(grants: Grants): May {
  const known = new Map<string, readonly Interval[]>();
  return (set, source, destination) => {
    const key = `${set} ${source}`;
    const intervals = known.get(key) ?? reached(Object.values(grants[set] ?? {}).filter((it) => it.address === source));
    known.set(key, intervals);
    return holds(intervals, destination);
  };
}

interface Ends {
  readonly source: string;
  readonly destination: string;
}

/**
 * Which connections end when grants change: those of an address that came to somebody else, or to nobody, and those to what
 * an address can reach no longer by some set. What another set would still let it may start again.
 */
export function lostBetween(before: Grants, after: Grants): (ends: Ends) => boolean {
  const [was, is] = [peopleAt(before), peopleAt(after)];
  const moved = new Set([...was].flatMap(([address, people]) => (people === is.get(address) ? [] : [address])));
  const [could, can] = [mayOf(before), mayOf(after)];
  const sets = Object.keys(before);
  return ({ source, destination }) =>
    moved.has(source) ||
    moved.has(destination) ||
    (was.has(source) && sets.some((it) => could(it, source, destination) && !can(it, source, destination)));
}

/** Who has which address, as one text. */
function peopleAt(grants: Grants): ReadonlyMap<string, string> {
  const found = new Map<string, Set<string>>();
  for (const holders of Object.values(grants)) {
    for (const { address, person } of Object.values(holders)) {
      found.set(address, (found.get(address) ?? new Set()).add(person));
    }
  }
  return new Map([...found].map(([address, people]) => [address, [...people].sort(byText).join(' ')]));
}
