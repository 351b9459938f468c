import { edgePaths } from '../edge/paths.ts';

/** What stands in {@link HaproxyPaths.states} when nothing is handed over: the version of its format. */
export const NO_STATES = '1\n';

/** Where the load balancer of one project stands. `run` and `state` are folders of the machine. */
export interface HaproxyPaths {
  /** Configuration, maps, certificates and pages: root's, readable by the load balancer. */
  readonly folder: string;
  readonly config: string;
  readonly maps: string;
  readonly certificates: string;
  readonly pages: string;
  /** What the driver remembers: the part of the configuration that only a reload changes, and what was steered. */
  readonly loaded: string;
  readonly steered: string;
  /** States of the servers, handed from one process to the next. */
  readonly states: string;
  /** Folder in which its sockets and those of the edge service meet. */
  readonly meeting: string;
  readonly runtime: string;
  readonly master: string;
  /** One JSON object for each request. */
  readonly log: string;
}

export function haproxyPaths(places: { readonly run: string; readonly state: string }, project: string): HaproxyPaths {
  const folder = `${places.run}/proxy/${project}`;
  const { run: meeting, runtime } = edgePaths(places, project);
  return {
    folder,
    config: `${folder}/haproxy.cfg`,
    maps: `${folder}/maps`,
    certificates: `${folder}/certificates`,
    pages: `${folder}/pages`,
    loaded: `${folder}/loaded`,
    steered: `${folder}/steered.json`,
    states: `${folder}/servers.state`,
    meeting,
    runtime,
    master: `${meeting}/master.sock`,
    log: `${places.state}/events/proxy/${project}.jsonl`,
  };
}
