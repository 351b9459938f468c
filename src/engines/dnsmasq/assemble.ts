import { canonical } from '#lib/hash.ts';
import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { DnsFragment, DnsmasqInput } from './input.ts';

export const dnsmasqId = (namespace: string): string => `dnsmasq/${namespace}`;

export const assembleDns: Assemble<DnsFragment, DnsmasqInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, group]) => {
    const bases = group.fragments.flatMap((it) => ('listen' in it ? [it] : []));
    const [base] = bases;
    if (base === undefined) return [];
    const given = group.fragments.flatMap((it) => ('record' in it ? [it.record] : []));
    const records = [...new Map(given.map((it) => [canonical(it), it])).values()];
    const input = {
      namespace,
      listen: base.listen,
      records: records.sort((a, b) => byText(a.names[0] ?? '', b.names[0] ?? '')),
      domains: [...new Set(bases.flatMap((it) => it.domains))].sort(),
      upstream: [...new Set(bases.flatMap((it) => it.upstream))].sort(),
    };
    return [
      { id: dnsmasqId(namespace), engine: 'dnsmasq', owners: group.owners, needs: [namespaceId(namespace)], input },
    ];
  });
