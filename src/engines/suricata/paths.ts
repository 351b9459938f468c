import { hashOf, shortName } from '#lib/hash.ts';
import type { SuricataInput } from './input.ts';

/** Where one endpoint's files stand. `run` and `state` are folders of the machine (or, for a reader, of the deployment). */
export interface Places {
  readonly run: string;
  readonly state: string;
}

export interface SuricataPaths {
  /** Configuration and rules, which the engine can read but not change; gone after a reboot. */
  readonly folder: string;
  /** The only folder below `folder` that the engine can write: its control socket. */
  readonly live: string;
  readonly config: string;
  readonly packRules: string;
  readonly siteRules: string;
  readonly canaryRules: string;
  readonly proxiedRules: string;
  readonly classification: string;
  readonly references: string;
  /** Hash of the rules that the running engine was last told to load; absent while that is uncertain. */
  readonly loaded: string;
  /** Process id that a canary has proved to see its traffic. */
  readonly proved: string;
  /** When it hung: seconds since 1970, a line each. */
  readonly hung: string;
  readonly socket: string;
  /** Events and packets; stays. Mode 2750, group of the control user. */
  readonly logs: string;
  /** EVE: one JSON object on a line; older ones are `eve.json.1` (the newest) to `eve.json.N`. */
  readonly eve: string;
  /** pcap files of sessions that raised an alert: `alerts.pcap.<seconds>.<microseconds>`. */
  readonly packets: string;
}

/** A short name, because a unix socket's path ends at 107 bytes. */
export const shortOf = (input: Pick<SuricataInput, 'name'>): string => `ids-${shortName(input.name, 8)}`;

/**
 * The user and group that an endpoint's engine runs as: a number that belongs to nobody else, so that it needs no entry
 * in the password file and one engine cannot touch the files of another. The range is one that no distribution hands out.
 */
export const userOf = (input: Pick<SuricataInput, 'name'>): number =>
  0x7641_0000 + Number.parseInt(hashOf(input.name).slice(0, 4), 16);

export function pathsOf(places: Places, input: Pick<SuricataInput, 'name'>): SuricataPaths {
  const folder = `${places.run}/suricata/${shortOf(input)}`;
  const logs = `${places.state}/suricata/${shortOf(input)}`;
  return {
    folder,
    live: `${folder}/live`,
    config: `${folder}/suricata.yaml`,
    packRules: `${folder}/pack.rules`,
    siteRules: `${folder}/site.rules`,
    canaryRules: `${folder}/canary.rules`,
    proxiedRules: `${folder}/proxied.rules`,
    classification: `${folder}/classification.config`,
    references: `${folder}/reference.config`,
    loaded: `${folder}/loaded`,
    proved: `${folder}/proved`,
    hung: `${folder}/hung`,
    socket: `${folder}/live/control.sock`,
    logs,
    eve: `${logs}/eve.json`,
    packets: `${logs}/packets`,
  };
}
