/** Names of a gateway's services. The first runs on the active member of a cluster only. */
export const charonService = (namespace: string): string => `strongswan.${namespace}`;
export const keeperService = (namespace: string): string => `ipsec.${namespace}`;
