import { shortName } from '#lib/hash.ts';

/** Where everything of one deployment stands. All of it follows from the state folder. */
export interface Deployment {
  /** Four characters that every kernel object of the deployment carries. */
  readonly id: string;
  /** Persistent state. */
  readonly state: string;
  /** Runtime state, gone after a reboot. */
  readonly run: string;
  readonly hostState: string;
  readonly hostSocket: string;
  readonly controlState: string;
  readonly apiFolder: string;
  readonly scan: string;
}

/** Where the host agent keeps the key that opens sealed secrets; root's alone. */
export const openingKeyOf = ({ hostState }: Pick<Deployment, 'hostState'>): string => `${hostState}/sealing.key`;
/** Where control keeps what it seals secrets with. */
export const sealingKeysOf = ({ controlState }: Pick<Deployment, 'controlState'>): string =>
  `${controlState}/sealing.json`;

export const DEFAULT_STATE = '/var/lib/vauban';

export function deploymentAt(state: string = DEFAULT_STATE): Deployment {
  const id = shortName(`deployment ${state}`, 4);
  const run = `/run/vauban/${id}`;
  return {
    id,
    state,
    run,
    hostState: `${state}/host`,
    hostSocket: `${run}/host/host.sock`,
    controlState: `${state}/control`,
    apiFolder: `${state}/api`,
    scan: `${run}/scan`,
  };
}

/** System users of every deployment on a machine; see {@link SystemUsers}. */
export const userNames = {
  control: 'vauban',
  metadata: 'vauban-metadata',
  edge: 'vauban-edge',
  proxy: 'vauban-proxy',
  directory: 'vauban-directory',
  gateway: 'vauban-gateway',
  ipsec: 'vauban-ipsec',
  dhcp: 'vauban-dhcp',
  urlFilter: 'vauban-url-filter',
  vpn: 'vauban-vpn',
} as const;

/** What `vauban up` wrote down about a deployment; everybody may read it. */
export interface Settings {
  readonly host: string;
  readonly port: number;
}
