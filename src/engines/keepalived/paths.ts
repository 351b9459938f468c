import { shortName } from '#lib/hash.ts';

interface Places {
  readonly run: string;
  readonly state: string;
}

/** Where the files of one clustered node stand; engines meet here. */
export interface ClusterPaths {
  readonly keepalived: string;
  readonly config: string;
  /** Pipe of changes of role: keepalived and what runs after its death write, the reader of roles reads. */
  readonly events: string;
  /** Pipe of the gateway service's: a line asks that connections are exchanged again. What it says does not count. */
  readonly requests: string;
  /** Reads it. */
  readonly requestsScript: string;
  /** One line: `active`, `standby`, `fault` or `stopped`, and since when in seconds since 1970. */
  readonly role: string;
  /** Reads the pipe and acts. */
  readonly rolesScript: string;
  /** Runs after keepalived's death, whatever it died of. */
  readonly downScript: string;
  readonly conntrackd: string;
  readonly conntrackdConfig: string;
  readonly conntrackdLock: string;
  /** Sockets have short paths, whatever the gateway's name is. */
  readonly conntrackdSocket: string;
  /** Of the gateway service's own; what it says to keepalived, and its socket. */
  readonly service: string;
  readonly serviceInput: string;
  /** `1`: this node must not be active, by arbitration. */
  readonly hold: string;
  /** `1`: this node must not be active, by a person's word. Outlives the service. */
  readonly maintenance: string;
  readonly serviceSocket: string;
  /** Folder of everything that the machine keeps. */
  readonly state: string;
  /** Kept: choices, history, replicated files. */
  readonly kept: string;
  readonly replicated: string;
}

export function clusterPaths(places: Places, namespace: string): ClusterPaths {
  const run = `${places.run}/gateway/${namespace}`;
  const short = shortName(`cluster ${namespace}`, 10);
  const kept = `${places.state}/gateway/${namespace}/service`;
  return {
    state: places.state,
    keepalived: `${run}/keepalived`,
    config: `${run}/keepalived/keepalived.conf`,
    events: `${run}/keepalived/events`,
    requests: `${run}/keepalived/requests`,
    requestsScript: `${run}/keepalived/requests.sh`,
    role: `${run}/keepalived/role`,
    rolesScript: `${run}/keepalived/roles.sh`,
    downScript: `${run}/keepalived/down.sh`,
    conntrackd: `${run}/conntrackd`,
    conntrackdConfig: `${run}/conntrackd/conntrackd.conf`,
    conntrackdLock: `${run}/conntrackd/lock`,
    conntrackdSocket: `${places.run}/cluster/${short}.conntrackd`,
    service: `${run}/service`,
    serviceInput: `${run}/service/input.json`,
    hold: `${run}/service/hold`,
    maintenance: `${run}/service/maintenance`,
    serviceSocket: `${places.run}/cluster/${short}/service.sock`,
    kept,
    replicated: `${kept}/replicated`,
  };
}
