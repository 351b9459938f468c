import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { SuricataInput } from './input.ts';

export const suricataId = (endpoint: string): string => `suricata/${endpoint.toLowerCase()}`;

/** One engine for each endpoint; exactly one resource describes it. */
export const assembleSuricata: Assemble<SuricataInput, SuricataInput> = (fragments) =>
  [...grouped(fragments, (it) => it.name)].flatMap(([name, group]) => {
    const [input] = group.fragments;
    if (input === undefined) return [];
    const needs = [namespaceId(input.namespace), namespaceId(input.canary.from), ...input.after];
    return [
      { id: suricataId(name), engine: 'suricata', owners: group.owners, needs: [...new Set(needs)].sort(), input },
    ];
  });
