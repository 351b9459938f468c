/**
 * Options of a URL profile by which the packet filter refuses something of what the rule lets pass. It is counted and logged
 * under the rule's key with one of these behind it: short, for keys have little room in the kernel.
 */
export const refusedOptions = { quic: 'quic', dot: 'dnsOverTls', doh: 'dnsOverHttps' } as const;
export type Refused = keyof typeof refusedOptions;

export const refusedNames = Object.keys(refusedOptions) as readonly Refused[];
