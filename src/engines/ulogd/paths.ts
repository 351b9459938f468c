import type { UlogdInput } from './input.ts';

/** Where the files of one packet log stand. `run` and `state` are folders of the machine. */
export interface UlogdPaths {
  readonly config: string;
  /** Mode 2750, group of the control user. */
  readonly folder: string;
  /** One JSON object on a line; the lines before its last rotation are in {@link older}. */
  readonly log: string;
  readonly older: string;
}

export function ulogdPaths(
  places: { readonly run: string; readonly state: string },
  { file }: Pick<UlogdInput, 'file'>,
): UlogdPaths {
  const folder = `${places.state}/packets`;
  return { config: `${places.run}/ulogd/${file}.conf`, folder, log: `${folder}/${file}`, older: `${folder}/${file}.1` };
}
