import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { NatFragment, NatInput } from './input.ts';

export const natId = (namespace: string): string => `nat/${namespace}`;

export const assembleNat: Assemble<NatFragment, NatInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, group]) => {
    const uplink = group.fragments.find((it) => 'uplink' in it);
    if (uplink === undefined || !('uplink' in uplink)) return [];
    const statics = group.fragments.flatMap((it) => ('static' in it ? [it.static] : []));
    const pools = group.fragments.flatMap((it) => ('pool' in it ? [it.pool] : []));
    const input = {
      namespace,
      uplink: uplink.uplink,
      own: [uplink.own],
      statics: statics.sort((a, b) => byText(a.inside, b.inside)),
      pools: pools.sort((a, b) => byText(a.id, b.id)),
    };
    return [{ id: natId(namespace), engine: 'nat', owners: group.owners, needs: [namespaceId(namespace)], input }];
  });
