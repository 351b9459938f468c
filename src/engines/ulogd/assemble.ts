import type { Assemble } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { UlogdInput } from './input.ts';

export const ulogdId = ({ namespace, group }: UlogdInput): string => `ulogd/${namespace}/${group}`;

/** One reader for each group of a namespace. */
export const assembleUlogd: Assemble<UlogdInput, UlogdInput> = (fragments) => {
  const byId = new Map(fragments.map(({ fragment }) => [ulogdId(fragment), fragment]));
  return [...byId]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, input]) => {
      const owners = fragments.filter(({ fragment }) => ulogdId(fragment) === id).map(({ owner }) => owner);
      return { id, engine: 'ulogd', owners: [...new Set(owners)].sort(), needs: [namespaceId(input.namespace)], input };
    });
};
