import { type Assemble, grouped } from '../fragments.ts';
import type { NamespaceFragment, NamespaceInput } from './input.ts';

export const namespaceId = (name: string): string => `namespace/${name}`;

const unique = (lists: readonly (readonly string[] | undefined)[]): string[] =>
  [...new Set(lists.flatMap((list) => list ?? []))].sort();

export const assembleNamespaces: Assemble<NamespaceFragment, NamespaceInput> = (fragments) =>
  [...grouped(fragments, (it) => it.name)].map(([name, group]) => ({
    id: namespaceId(name),
    engine: 'namespace',
    owners: group.owners,
    needs: [],
    input: {
      name,
      ...(group.fragments.some((it) => it.host === true) ? { host: true as const } : {}),
      sysctls: Object.assign({}, ...group.fragments.map((it) => it.sysctls ?? {})) as Record<string, number>,
      addresses: unique(group.fragments.map((it) => it.addresses)),
      blackholes: unique(group.fragments.map((it) => it.blackholes)),
    },
  }));
