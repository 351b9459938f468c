import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { UplinkInput } from './input.ts';

export const uplinkId = (namespace: string): string => `uplink/${namespace}`;

export const assembleUplinks: Assemble<UplinkInput, UplinkInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(
    ([
      namespace,
      {
        owners,
        fragments: [input],
      },
    ]) =>
      input === undefined
        ? []
        : [{ id: uplinkId(namespace), engine: 'uplink', owners, needs: [namespaceId(namespace)], input }],
  );
