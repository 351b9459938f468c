/** What an engine's driver may do to the machine it stands on. The host agent implements it; nothing else does. */

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Written = Pick<RunResult, 'stdout' | 'stderr'>;

export interface RunOptions {
  readonly stdin?: string;
  /** Milliseconds until the process is killed; default 60,000. */
  readonly timeout?: number;
  /** Network namespace to run in, by its short name (see {@link Machine.namespace}); default the machine's own. */
  readonly namespace?: string;
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Whether the work is done, by what the program has written so far. As soon as it is, the result is given with code 0, and
   * the program ends in its own time. Default: it is done when the program has ended.
   */
  readonly done?: (written: Written) => boolean;
  /** Called for every line of standard error as it comes, for progress. */
  readonly onLine?: (line: string) => void;
}

export interface ServiceSpec {
  /** Name of the supervised service, unique on the deployment. */
  readonly name: string;
  /** What to run, one word per element; no shell reads it. */
  readonly argv: readonly string[];
  readonly namespace?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What to run after the process ended, before it is started again. */
  readonly finish?: readonly string[];
  /** False: start it, but leave it down when it ends. Default true. */
  readonly restart?: boolean;
  /**
   * It runs only while the first word of this file is `active`: whoever writes the file starts and stops the service, also
   * when nobody of ours is alive.
   */
  readonly whileActive?: string;
  /** Standard output and error go to this file, rotated; default the service's own log folder. */
  readonly log?: string;
}

export interface ServiceStatus {
  readonly up: boolean;
  readonly pid?: number;
  /** Seconds in the present state. */
  readonly seconds: number;
  /** Exit code of the last run, when it is down. */
  readonly exitCode?: number;
}

export interface Supervisor {
  /** Defines (or redefines) a service and starts it; idempotent, restarts only when its definition changed. */
  ensure(spec: ServiceSpec): Promise<void>;
  /** Stops a service, waits until it is gone, forgets it; idempotent. `grace` is in milliseconds, default 5,000. */
  remove(name: string, grace?: number): Promise<void>;
  /** Sends a signal to the process (not to its supervisor). */
  signal(name: string, signal: 'HUP' | 'USR1' | 'USR2' | 'TERM' | 'KILL' | 'INT'): Promise<void>;
  status(name: string): Promise<ServiceStatus | undefined>;
}

/** Ids of one unprivileged system user, with a group of its own. */
export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/** Each process that speaks to strangers has a user of its own, and can read nothing of the others. */
export interface SystemUsers {
  readonly control: SystemUser;
  /** The metadata servers, which hosts talk to. */
  readonly metadata: SystemUser;
  /** The sign-in and decision service. */
  readonly edge: SystemUser;
  /** The load balancer. */
  readonly proxy: SystemUser;
  /** The directory server. */
  readonly directory: SystemUser;
  /** The gateway services, which arbitrate between the nodes of clusters. */
  readonly gateway: SystemUser;
  /** The IPsec daemons of gateways, and what keeps their tunnels. */
  readonly ipsec: SystemUser;
  /** DHCP clients of hosts, which listen to whoever is on their segment. */
  readonly dhcp: SystemUser;
  /** The URL filters of gateways. */
  readonly urlFilter: SystemUser;
  /** The SSL VPN servers of gateways and what decides for them. */
  readonly vpn: SystemUser;
}

export interface IssueRequest {
  /** Under which it is kept: the same id gives the same certificate as long as it is good. */
  readonly id: string;
  /** DNS names; a leading `*.` is allowed. */
  readonly names: readonly string[];
  /** IPv4 addresses. */
  readonly addresses: readonly string[];
}

export interface Issued {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly privateKey: string;
}

/** The deployment's own certificate authority, for what only its own hosts and engines have to trust. */
export interface Authority {
  /** Its certificate, PEM. */
  certificate(): Promise<string>;
  /** A certificate for servers and clients, kept and renewed. */
  issue(wanted: IssueRequest): Promise<Issued>;
  /** Whether {@link issue} would give another certificate than the one that was issued before. */
  isDue(wanted: IssueRequest): Promise<boolean>;
}

/** Whose a file is, and who may do what with it. */
export interface FileAccess {
  readonly mode: number;
  /** Default root. */
  readonly uid?: number;
  /** Default root. */
  readonly gid?: number;
}

export interface Machine {
  /** Short id of this deployment; every kernel object carries it. */
  readonly deployment: string;
  /** Persistent state of the host agent, such as /var/lib/vauban/host. */
  readonly state: string;
  /** Runtime state, gone after a reboot, such as /run/vauban/ab12. */
  readonly run: string;
  /** Folder of the source tree, for files that engines need (rules, images). */
  readonly home: string;
  /** Unprivileged system users and their ids. */
  readonly users: SystemUsers;
  readonly supervisor: Supervisor;
  readonly authority: Authority;
  /** Runs a program without a shell. Never throws for a non-zero exit code. */
  exec(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Writes a file all or nothing (temporary name, fsync, rename). Creates folders. Default 0644, ours. */
  writeFile(path: string, content: string | Uint8Array, access?: number | FileAccess): Promise<void>;
  /**
   * Makes a folder, or puts right whose it is. Safe below a folder of an unprivileged user: throws ENGINE_FAILED where a
   * link stands in its place.
   */
  makeFolder(path: string, access: FileAccess): Promise<void>;
  /** Opens a value that control has sealed for this place (see `lib/seal.ts`); plain text comes back as it is. */
  unseal(value: string, place: string): string;
  /** A secret for a purpose that every machine of the deployment makes alike, and nobody else. Throws ENGINE_FAILED without the deployment's key. */
  derived(purpose: string): string;
  /** Full name of a network namespace from its short name; `netns(5)` keeps it under /run/netns. */
  namespace(name: string): string;
  /** Tells how a long step goes on; shown live to whoever waits for it. */
  progress(text: string): void;
}
