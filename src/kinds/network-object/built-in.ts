import type { NetworkObjectSpec } from './spec.ts';

const of = (description: string): NetworkObjectSpec => ({ group: [], description });

/** Objects that every policy may name; what they stand for is up to the gateway (see `resolve.ts`). */
export const builtInObjects: Readonly<Record<string, NetworkObjectSpec>> = {
  any: { network: '0.0.0.0/0', description: 'Every address.' },
  internet: of('Every address but private ones and those of the gateway’s protected networks.'),
  'network-internals': of('The networks behind the protected interfaces of the gateway.'),
  'firewall-all': of('Every address of the gateway.'),
  'firewall-interface': of('firewall-NAME: the addresses of the interface NAME of the gateway.'),
  'network-interface': of(
    'network-NAME: the network of the interface NAME of the gateway; network-ipsec and network-sslvpn: what it reaches through tunnels.',
  ),
};

/** `firewall-ext` gives the addresses of the interface ext, `network-ext` its network. */
export function interfaceObject(
  name: string,
): { readonly of: 'firewall' | 'network'; readonly interface: string } | undefined {
  const [, which, rest] = /^(firewall|network)-([a-z][a-z0-9-]{0,14})$/.exec(name) ?? [];
  if (rest === undefined || (which !== 'firewall' && which !== 'network')) return undefined;
  return Object.hasOwn(builtInObjects, name) ? undefined : { of: which, interface: rest };
}
