import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import { type ConntrackdFragment, ConntrackdInput } from './input.ts';

export const conntrackdId = (namespace: string): string => `conntrackd/${namespace}`;

/** One for each node. */
export const assembleConntrackd: Assemble<ConntrackdFragment, ConntrackdInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(
    ([
      namespace,
      {
        owners,
        fragments: [base],
      },
    ]) => {
      if (base === undefined) return [];
      const input = ConntrackdInput.parse({ ...base, local: [...new Set(base.local ?? [])].sort(byText) });
      const needs = [namespaceId(namespace), ...input.after].sort(byText);
      return [{ id: conntrackdId(namespace), engine: 'conntrackd', owners, needs, input }];
    },
  );
