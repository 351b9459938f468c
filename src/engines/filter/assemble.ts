import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { FilterInput } from './input.ts';

export const filterId = (namespace: string): string => `filter/${namespace}`;

/** Settings of the whole gateway; exactly one fragment has them. */
type Base = Pick<FilterInput, 'owner' | 'logGroup' | 'logLimit' | 'logImplicit' | 'ips' | 'ids' | 'others' | 'cut'>;

/**
 * What may be added to a gateway's filter. Rules and translations have an order, so one fragment has them all; sets that
 * several name may be given several times.
 */
export type FilterFragment = { readonly namespace: string } & (
  | { readonly base: Base }
  | { readonly interface: FilterInput['interfaces'][number] }
  | { readonly rules: FilterInput['rules'] }
  | { readonly nat: FilterInput['nat'] }
  | { readonly addressSet: FilterInput['addressSets'][number] }
  | { readonly serviceSet: FilterInput['serviceSets'][number] }
  | { readonly people: FilterInput['people'][number] }
  | { readonly local: FilterInput['local'][number] }
  /** What must stand before rules count on it. */
  | { readonly after: string }
  | { readonly guard: FilterInput['guards'][number] }
  | { readonly clamp: NonNullable<FilterInput['clamps']>[number] }
  /** Stands before the translations of the policy: what a tunnel takes keeps its addresses, or gets those that the other side knows. */
  | { readonly exempt: Extract<FilterInput['nat'][number], { readonly kind: 'exempt' | 'bidirectional' }> }
);

export const assembleFilters: Assemble<FilterFragment, FilterInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, group]) => {
    const all = group.fragments;
    const base = all.find((it) => 'base' in it);
    if (base === undefined || !('base' in base)) return [];
    const input: FilterInput = {
      namespace,
      ...base.base,
      interfaces: sorted(
        all.flatMap((it) => ('interface' in it ? [it.interface] : [])),
        (it) => it.name,
      ),
      addressSets: once(all.flatMap((it) => ('addressSet' in it ? [it.addressSet] : []))),
      serviceSets: once(all.flatMap((it) => ('serviceSet' in it ? [it.serviceSet] : []))),
      people: once(all.flatMap((it) => ('people' in it ? [it.people] : []))),
      rules: all.flatMap((it) => ('rules' in it ? it.rules : [])),
      nat: [
        ...sorted(
          all.flatMap((it) => ('exempt' in it ? [it.exempt] : [])),
          (it) => it.id,
        ),
        ...all.flatMap((it) => ('nat' in it ? it.nat : [])),
      ],
      local: sorted(
        all.flatMap((it) => ('local' in it ? [it.local] : [])),
        (it) => it.id,
      ),
      ...clampsOf(all.flatMap((it) => ('clamp' in it ? [it.clamp] : []))),
      guards: sorted(
        all.flatMap((it) => ('guard' in it ? [it.guard] : [])),
        (it) => it.id,
      ),
    };
    const after = all.flatMap((it) => ('after' in it ? [it.after] : []));
    const needs = [...new Set([namespaceId(namespace), ...after])].sort(byText);
    return [{ id: filterId(namespace), engine: 'filter', owners: group.owners, needs, input }];
  });

/** Where several ask, the smallest counts. */
function clampsOf(clamps: NonNullable<FilterInput['clamps']>): Pick<FilterInput, 'clamps'> {
  const smallest = new Map<string, number>();
  for (const it of clamps)
    smallest.set(it.interface, Math.min(it.maxSegmentSize, smallest.get(it.interface) ?? it.maxSegmentSize));
  const list = [...smallest].map(([name, maxSegmentSize]) => ({ interface: name, maxSegmentSize }));
  return list.length === 0 ? {} : { clamps: sorted(list, (it) => it.interface) };
}

const sorted = <T>(list: readonly T[], key: (it: T) => string): T[] => [...list].sort((a, b) => byText(key(a), key(b)));

const once = <T extends { readonly key: string }>(list: readonly T[]): T[] =>
  sorted([...new Map(list.map((it) => [it.key, it])).values()], (it) => it.key);
