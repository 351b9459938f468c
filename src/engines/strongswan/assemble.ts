import { byText } from '#lib/text.ts';
import { filterId } from '../filter/assemble.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import { pkiId } from '../pki/assemble.ts';
import type { StrongswanFragment, StrongswanInput } from './input.ts';

export const strongswanId = (namespace: string): string => `strongswan/${namespace}`;

/** One for each gateway that has tunnels. The filter stands first: nothing leaves in the clear while they come up. */
export const assembleStrongswan: Assemble<StrongswanFragment, StrongswanInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, group]) => {
    const base = group.fragments.find((it) => 'base' in it);
    const connections = group.fragments.flatMap((it) => ('connection' in it ? [it.connection] : []));
    if (base === undefined || !('base' in base) || connections.length === 0) return [];
    const authorities = connections.flatMap(({ certificate: it }) =>
      it === undefined ? [] : [pkiId(it.authority), pkiId(it.trusted)],
    );
    const input: StrongswanInput = {
      namespace,
      ...base.base,
      connections: connections.sort((a, b) => byText(a.key, b.key)),
    };
    const needs = [namespaceId(namespace), filterId(namespace), ...input.after, ...new Set(authorities)];
    return [
      { id: strongswanId(namespace), engine: 'strongswan', owners: group.owners, needs: needs.sort(byText), input },
    ];
  });
