import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { SquidFragment, SquidInput, UrlProfile } from './input.ts';

export const squidId = (namespace: string): string => `squid/${namespace}`;

/** One URL filter for each gateway that diverts anything to it. Profiles and lists that nothing names are left out. */
export const assembleSquid: Assemble<SquidFragment, SquidInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, { owners, fragments: parts }]) => {
    const base = parts.find((it) => 'owner' in it);
    const listeners = parts.flatMap((it) => ('listener' in it ? [it.listener] : []));
    if (base === undefined || !('owner' in base) || listeners.length === 0) return [];
    const used = new Set(listeners.map((it) => it.profile));
    const profiles = unique(parts.flatMap((it) => ('profile' in it ? [it.profile] : []))).filter((it) =>
      used.has(it.name),
    );
    const named = new Set(profiles.flatMap(listsOf));
    const { owner, resolver, control, hostCheck } = base;
    const input = {
      namespace,
      owner,
      resolver,
      control,
      listeners: listeners.sort((a, b) => a.http - b.http),
      profiles,
      lists: unique(parts.flatMap((it) => ('list' in it ? [it.list] : []))).filter((it) => named.has(it.name)),
      hostCheck,
    };
    return [{ id: squidId(namespace), engine: 'squid', owners, needs: [namespaceId(namespace)], input }];
  });

const listsOf = ({ rules, barred = [] }: UrlProfile): readonly string[] => [
  ...rules.flatMap((it) => it.lists),
  ...barred.map((it) => it.list),
];

const unique = <T extends { readonly name: string }>(list: readonly T[]): T[] =>
  [...new Map(list.map((it) => [it.name, it])).values()].sort((a, b) => byText(a.name, b.name));
