import { byText } from '#lib/text.ts';
import { conntrackdId } from '../conntrackd/assemble.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { gatewayServiceId } from '../gateway-service/assemble.ts';
import { namespaceId } from '../namespace/assemble.ts';
import { type KeepalivedFragment, KeepalivedInput } from './input.ts';

export const keepalivedId = (namespace: string): string => `keepalived/${namespace}`;

/** One for each node; what others add to a node that is none is left out. */
export const assembleKeepalived: Assemble<KeepalivedFragment, KeepalivedInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, group]) => {
    const base = group.fragments.find((it) => 'routerId' in it);
    if (base === undefined || !('routerId' in base)) return [];
    const activeOnly = group.fragments.flatMap((it) => it.activeOnly ?? []);
    const files = new Map(group.fragments.flatMap((it) => it.files ?? []).map((it) => [it.name, it]));
    const input = KeepalivedInput.parse({
      ...base,
      activeOnly: [...new Set(activeOnly)].sort(byText),
      files: [...files.values()].sort((a, b) => byText(a.name, b.name)),
    });
    const needs = [
      namespaceId(namespace),
      ...input.after,
      ...(input.connections ? [conntrackdId(namespace)] : []),
      ...(input.arbitrated ? [gatewayServiceId(namespace)] : []),
    ];
    return [
      { id: keepalivedId(namespace), engine: 'keepalived', owners: group.owners, needs: needs.sort(byText), input },
    ];
  });
