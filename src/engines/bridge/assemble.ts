import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { BridgeFragment, BridgeInput } from './input.ts';

export const bridgeId = (namespace: string, name: string): string => `bridge/${namespace}/${name}`;

export const assembleBridges: Assemble<BridgeFragment, BridgeInput> = (fragments) =>
  [...grouped(fragments, (it) => bridgeId(it.namespace, it.name))].flatMap(([id, { owners, fragments: group }]) => {
    const [base] = group;
    if (base === undefined) return [];
    const addresses = [...new Set(group.flatMap((it) => it.addresses))].sort();
    return [{ id, engine: 'bridge', owners, needs: [namespaceId(base.namespace)], input: { ...base, addresses } }];
  });
