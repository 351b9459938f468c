import { bridgeId } from '../bridge/assemble.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { BridgeUplinkFragment, BridgeUplinkInput } from './input.ts';

export const assembleBridgeUplinks: Assemble<BridgeUplinkFragment, BridgeUplinkInput> = (fragments) =>
  [...grouped(fragments, (it) => `bridge-uplink/${it.namespace}`)].flatMap(([id, { owners, fragments: all }]) => {
    const [input] = all;
    if (input === undefined) return [];
    const needs = [bridgeId(input.namespace, input.bridge), namespaceId(input.namespace)];
    return [{ id, engine: 'bridge-uplink', owners, needs, input }];
  });
