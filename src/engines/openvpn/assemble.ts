import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import { pkiId } from '../pki/assemble.ts';
import { type OpenvpnFragment, OpenvpnInput } from './input.ts';

export const openvpnId = (namespace: string): string => `openvpn/${namespace}`;

/** Names of what runs, for whoever starts and stops it with the role of the gateway. */
export const openvpnServices = (namespace: string, transports: readonly ('udp' | 'tcp')[]): string[] => [
  ...transports.map((it) => `openvpn.${namespace}.${it}`),
  `vpn.${namespace}`,
];

export const assembleOpenvpn: Assemble<OpenvpnFragment, OpenvpnInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, group]) => {
    const [first] = group.fragments;
    if (first === undefined) return [];
    const input = OpenvpnInput.parse(first);
    const needs = [namespaceId(namespace), pkiId(input.authority.id), ...input.after].sort();
    return [{ id: openvpnId(namespace), engine: 'openvpn', owners: group.owners, needs, input }];
  });
