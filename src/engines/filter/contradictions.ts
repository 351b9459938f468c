import type * as z from 'zod';
import { overlaps, prefix } from '#lib/ip.ts';
import type { Local, Rule } from './policy.ts';
import { hasPorts, protocolNumber, type Service } from './service.ts';
import type { Side } from './side.ts';
import type { Translation } from './translation.ts';

interface Contradictable {
  readonly interfaces: readonly { readonly name: string }[];
  readonly addressSets: readonly { readonly key: string }[];
  readonly serviceSets: readonly { readonly key: string; readonly services: readonly Service[] }[];
  readonly people: readonly { readonly key: string }[];
  readonly rules: readonly z.infer<typeof Rule>[];
  readonly nat: readonly Translation[];
  readonly local: readonly z.infer<typeof Local>[];
  readonly guards: readonly {
    readonly id: string;
    readonly outInterfaces: readonly string[];
    readonly source: Side;
    readonly destination: Side;
  }[];
}

type Contradiction = readonly [path: readonly (string | number)[], message: string];
type Names = Readonly<Record<'interface' | 'addressSet' | 'serviceSet' | 'people', ReadonlySet<string>>>;

/** What no single field can show: doubles, names of nothing, translations that exclude each other. */
export function contradictions(input: Contradictable): readonly Contradiction[] {
  const names: Names = {
    interface: new Set(input.interfaces.map((it) => it.name)),
    addressSet: new Set(input.addressSets.map((it) => it.key)),
    serviceSet: new Set(input.serviceSets.map((it) => it.key)),
    people: new Set(input.people.map((it) => it.key)),
  };
  const every = [...input.rules, ...input.nat, ...input.local, ...input.guards];
  return [
    ...doubles('interfaces', input.interfaces, { key: (it) => it.name }),
    ...doubles('addressSets', input.addressSets, { key: (it) => it.key }),
    ...doubles('serviceSets', input.serviceSets, { key: (it) => it.key }),
    ...doubles('people', input.people, { key: (it) => it.key }),
    ...doubles('rules', input.rules, { key: (it) => it.number, word: 'number ' }),
    ...doubles('ids', every, { key: (it) => it.id }),
    ...(['rules', 'nat', 'local', 'guards'] as const).flatMap((list) =>
      input[list].flatMap((it, index) =>
        strangers(it, names).map((message): Contradiction => [[list, index], message]),
      ),
    ),
    ...portless(input),
    ...clashes(input.nat),
  ];
}

function doubles<T>(list: string, of: readonly T[], { key, word = '' }: Named<T>): readonly Contradiction[] {
  const seen = new Set<unknown>();
  return of.flatMap((it, index): Contradiction[] => {
    const name = key(it);
    if (seen.has(name)) return [[[list, index], `${word}${name} is there twice`]];
    seen.add(name);
    return [];
  });
}

interface Named<T> {
  readonly key: (it: T) => string | number;
  readonly word?: string;
}

/** What may name something, in a rule of any kind. */
interface Naming {
  readonly inInterfaces?: readonly string[];
  readonly outInterfaces?: readonly string[];
  readonly interfaces?: readonly string[];
  readonly hairpin?: readonly { readonly interface: string }[];
  readonly source?: Side;
  readonly destination?: Side;
  readonly services?: readonly string[];
  readonly people?: string | undefined;
}

/** Names in a rule of any kind that nothing declares. */
function strangers(it: Naming, names: Names): readonly string[] {
  const found: string[] = [];
  const ask = (kind: keyof Names, used: readonly string[] = []): void => {
    for (const name of used) if (!names[kind].has(name)) found.push(`there is no ${kind} ${name}`);
  };
  ask('interface', it.inInterfaces);
  ask('interface', it.outInterfaces);
  ask('interface', it.interfaces);
  if (it.hairpin !== undefined)
    ask(
      'interface',
      it.hairpin.map((one) => one.interface),
    );
  ask('addressSet', it.source?.sets);
  ask('addressSet', it.destination?.sets);
  ask('serviceSet', it.services);
  if (it.people !== undefined) ask('people', [it.people]);
  return found;
}

/** A port can only be translated where there is one. */
function portless({ nat, serviceSets }: Contradictable): readonly Contradiction[] {
  const sets = new Map(serviceSets.map((it) => [it.key, it.services]));
  return nat.flatMap((it, index): Contradiction[] => {
    if (it.kind !== 'publish' || it.port === undefined) return [];
    const services = it.services.flatMap((key) => sets.get(key) ?? []);
    const good = it.services.length > 0 && services.every(({ protocol }) => hasPorts(protocolNumber(protocol) ?? -1));
    return good ? [] : [[['nat', index, 'port'], 'a port needs services of tcp, udp or sctp alone']];
  });
}

/** One address cannot be two hosts at once. */
function clashes(nat: readonly Translation[]): readonly Contradiction[] {
  const pairs = nat.flatMap((it, index) => (it.kind === 'bidirectional' ? [{ it, index }] : []));
  return pairs.flatMap(({ it, index }, place): Contradiction[] => {
    const other = pairs
      .slice(0, place)
      .find(({ it: before }) =>
        (['outside', 'inside'] as const).some(
          (side) =>
            overlaps(prefix(before[side]), prefix(it[side])) &&
            before.interfaces.some((name) => it.interfaces.includes(name)),
        ),
      );
    return other === undefined ? [] : [[['nat', index], `it overlaps with ${other.it.id}`]];
  });
}
