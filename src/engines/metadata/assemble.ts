import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { MetadataFragment, MetadataHost, MetadataInput } from './input.ts';

export const metadataId = (namespace: string): string => `metadata/${namespace}`;

export const assembleMetadata: Assemble<MetadataFragment, MetadataInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, group]) => {
    const base = group.fragments.find((it) => 'listen' in it);
    if (base === undefined || !('listen' in base)) return [];
    const hosts = group.fragments.flatMap((it) => ('host' in it ? [withMore(it.host, group.fragments)] : []));
    const input = { namespace, listen: base.listen, hosts: hosts.sort((a, b) => byText(a.address, b.address)) };
    return [
      { id: metadataId(namespace), engine: 'metadata', owners: group.owners, needs: [namespaceId(namespace)], input },
    ];
  });

function withMore(host: MetadataHost, fragments: readonly MetadataFragment[]): MetadataHost {
  const more = fragments.flatMap((it) => ('attributes' in it && it.address === host.address ? [it.attributes] : []));
  if (more.length === 0) return host;
  const { instance } = host;
  return { ...host, instance: { ...instance, attributes: Object.assign({}, ...more, instance.attributes) } };
}
