import { canonical } from '#lib/hash.ts';
import { bridgeId } from '../bridge/assemble.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { LinkEnd, LinkFragment, LinkInput, LinkRoute } from './input.ts';

export const linkId = (id: string): string => `link/${id}`;

/** Routes on the link come first: the next hop of the others must be reachable when they are added. */
const ordered = (routes: readonly LinkRoute[]): LinkRoute[] =>
  [...new Map(routes.map((it) => [canonical(it), it])).values()].sort((a, b) => {
    const onLink = Number(a.via !== undefined) - Number(b.via !== undefined);
    return onLink || (canonical(a) < canonical(b) ? -1 : 1);
  });

const standsOn = ({ namespace, bridge }: LinkEnd): string[] => [
  namespaceId(namespace),
  ...(bridge === undefined ? [] : [bridgeId(namespace, bridge)]),
];

/** Routes through a link that nobody declares are dropped: whoever wanted them has nothing to route to. */
export const assembleLinks: Assemble<LinkFragment, LinkInput> = (fragments) =>
  [...grouped(fragments, (it) => it.id)].flatMap(([id, group]) => {
    const base = group.fragments.find((it) => 'ends' in it);
    if (base === undefined || !('ends' in base)) return [];
    const extra = (side: 'a' | 'b') =>
      group.fragments.flatMap((it) => ('routes' in it && it.end === side ? it.routes : []));
    const end = (side: 'a' | 'b'): LinkEnd => ({
      ...base.ends[side],
      routes: ordered([...base.ends[side].routes, ...extra(side)]),
    });
    const input = { id, a: end('a'), b: end('b'), after: [...base.after].sort() };
    const needs = [...[input.a, input.b].flatMap(standsOn), ...input.after];
    return [{ id: linkId(id), engine: 'link', owners: group.owners, needs: [...new Set(needs)].sort(), input }];
  });
