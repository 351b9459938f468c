/** What traffic of tunnels is called in policies, beside the interfaces that a gateway declares. */
export const tunnelNames = ['ipsec', 'sslvpn'] as const;
export type TunnelName = (typeof tunnelNames)[number];

/** The devices that stand for them in a gateway's namespace. No interface of a gateway may be called like that. */
export const tunnelDevices: Readonly<Record<TunnelName, readonly string[]>> = {
  ipsec: ['ipsec0'],
  sslvpn: ['sslvpn-udp', 'sslvpn-tcp'],
};

export const keptForTunnels: readonly string[] = [...tunnelNames, ...Object.values(tunnelDevices).flat()];

/** Names of interfaces in a policy, as the kernel knows them. */
export const devicesOf = (names: readonly string[]): string[] =>
  names.flatMap((name): readonly string[] => (name === 'ipsec' || name === 'sslvpn' ? tunnelDevices[name] : [name]));
