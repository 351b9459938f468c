import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import { type GatewayServiceFragment, GatewayServiceInput } from './input.ts';

export const gatewayServiceId = (namespace: string): string => `gateway-service/${namespace}`;

/** One for each node of a cluster; what others add to a node that is none is left out. */
export const assembleGatewayServices: Assemble<GatewayServiceFragment, GatewayServiceInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, group]) => {
    const base = group.fragments.find((it) => 'cluster' in it);
    if (base === undefined) return [];
    const files = new Map(group.fragments.flatMap((it) => it.files ?? []).map((it) => [it.name, it]));
    const input = GatewayServiceInput.parse({
      ...base,
      files: [...files.values()].sort((a, b) => byText(a.name, b.name)),
      hashes: Object.assign({}, ...group.fragments.map((it) => it.hashes ?? {})),
    });
    const needs = [namespaceId(namespace), ...input.after].sort(byText);
    return [{ id: gatewayServiceId(namespace), engine: 'gateway-service', owners: group.owners, needs, input }];
  });
