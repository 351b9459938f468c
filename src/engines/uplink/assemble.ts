import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { UplinkFragment, UplinkInput } from './input.ts';

export const uplinkId = (namespace: string): string => `uplink/${namespace}`;

export const assembleUplinks: Assemble<UplinkFragment, UplinkInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, { owners, fragments: all }]) => {
    const [first] = all;
    if (first === undefined) return [];
    const out = all.find((it) => it.out !== undefined)?.out;
    const input: UplinkInput = {
      namespace,
      interface: first.interface,
      ...(out === undefined ? {} : { out }),
      reached: [...new Set(all.flatMap((it) => it.reached ?? []))].sort(),
    };
    return [{ id: uplinkId(namespace), engine: 'uplink', owners, needs: [namespaceId(namespace)], input }];
  });
