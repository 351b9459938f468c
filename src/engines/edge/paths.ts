/** Where the edge of one project stands. `run` and `state` are folders of the machine. */
export interface EdgePaths {
  /** Owner is the edge service, group the load balancer, mode 3770: their sockets meet here. */
  readonly run: string;
  /** The edge service's whole input, replaced by a rename. 0640, root and the edge service. */
  readonly input: string;
  /** The load balancer asks here (SPOE). */
  readonly spoe: string;
  /** Pages: `/_gcp_iap/*`, the sign-in host, the tunnel host. */
  readonly web: string;
  /** Folder of the load balancer's maps. */
  readonly maps: string;
  /**
   * Tunnels of operators, on the word of control: what comes in here has been authorised. In a folder of its own, which the
   * edge service owns and only control may enter besides; the load balancer never gets there.
   */
  readonly operator: string;
  /** What VPN services and those of captive portals ask about people. */
  readonly vpn: string;
  /** Pages of captive portals; whoever stands before them on a gateway connects here and vouches for the client's address. */
  readonly portal: string;
  /** The load balancer's admin socket, over which decisions are pushed and taken back. */
  readonly runtime: string;
  /** Sessions, keys, the provider's storage; the edge service's alone. */
  readonly state: string;
  readonly database: string;
  /** Keys that sign assertions, rotated. */
  readonly keys: string;
  /** One JSON object a line: decisions, sign-ins. */
  readonly log: string;
}

/** The one path of an edge that control needs. */
export const operatorSocket = (run: string, project: string): string => `${run}/operators/${project}/tunnel.sock`;

/** Where the VPN services of a project's gateways ask who may sign in; its folder is theirs and the edge service's alone. */
export const vpnSocket = (run: string, project: string): string => `${run}/vpn-people/${project}/edge.sock`;

/** In the folder in which the edge service and what stands before it meet. */
export const portalSocket = (run: string, project: string): string => `${run}/edge/${project}/portal.sock`;

export function edgePaths(places: { readonly run: string; readonly state: string }, project: string): EdgePaths {
  const run = `${places.run}/edge/${project}`;
  const state = `${places.state}/edge/${project}`;
  return {
    run,
    input: `${run}/edge.json`,
    spoe: `${run}/spoe.sock`,
    web: `${run}/web.sock`,
    operator: operatorSocket(places.run, project),
    vpn: vpnSocket(places.run, project),
    portal: portalSocket(places.run, project),
    runtime: `${run}/runtime.sock`,
    maps: `${places.run}/proxy/${project}/maps`,
    state,
    database: `${state}/edge.db`,
    keys: `${state}/keys.json`,
    log: `${places.state}/events/edge/${project}.jsonl`,
  };
}

/** Asked on that socket: whether the bearer of a token may have an account with sudo on the host `?instance=`. */
export const ACCOUNT_PATH = '/v1/account';

/** Asked on that socket: everybody whom the directories know. */
export const PEOPLE_PATH = '/v1/people';

/** Somebody whom a directory knows, as the edge service read it last. */
export interface KnownPerson {
  readonly email: string;
  readonly displayName: string;
  readonly domain?: string | undefined;
  /** Addresses of their groups, nested ones included. */
  readonly groups: readonly string[];
  readonly directory: string;
  readonly disabled: boolean;
  /** Whether an authenticator app is set up. */
  readonly secondFactor: boolean;
}

/** The name of the account and whose it is, or why there is none. */
export type AccountAnswer = { readonly principal: string; readonly account: string } | { readonly refused: string };

/** Where the load balancer keeps what it remembers of decisions, as its configuration names it. */
export const memoryPlaces = (maps: string) => ({
  even: `${maps}/iap.even`,
  odd: `${maps}/iap.odd`,
  people: `${maps}/iap.people`,
  services: `${maps}/iap.services`,
  table: 'iap.sessions',
  running: 'iap.running',
});

/** Bytes of an entry of the table of what runs: an address that is longer is cut off. */
export const RUNNING_LENGTH = 512;

/** Asked of the edge service by its driver, on its web socket only. */
export const HEALTH_PATH = '/_vauban/health';

/** What it answers. */
export interface EdgeHealth {
  /** Hash of the input that is in force. */
  readonly input: string;
  /** Why the latest file is not in force, when it is not. */
  readonly refused?: string;
  readonly counters: Readonly<Record<string, number>>;
}
