import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { DhcpClientFragment, DhcpClientInput } from './input.ts';

export const dhcpClientId = (namespace: string, name: string): string => `dhcp-client/${namespace}/${name}`;

export const assembleDhcpClients: Assemble<DhcpClientFragment, DhcpClientInput> = (fragments) =>
  [...grouped(fragments, ({ input }) => dhcpClientId(input.namespace, input.interface))].flatMap(([id, group]) => {
    const [fragment] = group.fragments;
    if (fragment === undefined) return [];
    const { input, after } = fragment;
    const needs = [...new Set([namespaceId(input.namespace), ...after])].sort();
    return [{ id, engine: 'dhcp-client', owners: group.owners, needs, input }];
  });
