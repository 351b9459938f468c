import { shortName } from '#lib/hash.ts';

/** Where the files of one internal directory stand. `run` and `state` are folders of the machine. */
export interface SlapdPaths {
  /** Only the directory's user enters. */
  readonly folder: string;
  /** The database. */
  readonly data: string;
  /** The edge's group may pass through; the socket itself is open to all who got there. */
  readonly runFolder: string;
  /** Short: the kernel keeps the path of a socket in 108 bytes. */
  readonly socket: string;
}

export function slapdPaths(places: { readonly run: string; readonly state: string }, directory: string): SlapdPaths {
  const folder = `${places.state}/directory/${directory}`;
  const runFolder = `${places.run}/directory/${shortName(directory, 12)}`;
  return { folder, data: `${folder}/data`, runFolder, socket: `${runFolder}/ldapi` };
}
