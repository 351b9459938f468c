import { bridgeId } from '../bridge/assemble.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { VxlanFragment, VxlanInput } from './input.ts';

export const assembleVxlans: Assemble<VxlanFragment, VxlanInput> = (fragments) =>
  [...grouped(fragments, (it) => `vxlan/${it.namespace}`)].flatMap(([id, { owners, fragments: all }]) => {
    const [input] = all;
    if (input === undefined) return [];
    const needs = [bridgeId(input.namespace, input.bridge), namespaceId(input.namespace)];
    return [{ id, engine: 'vxlan', owners, needs, input }];
  });
