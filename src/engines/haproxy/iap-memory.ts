import { edgePaths, memoryPlaces } from '../edge/paths.ts';
import type { HaproxyInput } from './input.ts';
import type { HaproxyPaths } from './paths.ts';

/** How rules look into what HAProxy remembers of former decisions (see `edge/decision/memory.ts`). */

export const memory = (paths: HaproxyPaths) => memoryPlaces(paths.maps);

export const edgePathsOf = ({ project }: HaproxyInput, { meeting }: HaproxyPaths) =>
  edgePaths({ run: meeting.slice(0, -`/edge/${project}`.length), state: '' }, project);

export const found = (name: string): string => `{ var(${name}) -m found }`;

/**
 * Whether what was looked up last is there and has not lapsed: an entry begins with ten digits, its end in Unix seconds, and
 * a number is read up to the first sign that is no digit.
 */
export const FRESH = '{ var(txn.iap_entry),sub(txn.iap_now) gt 0 }';

/** Looks into both maps: one of them may hold a lapsed entry of the same key. */
export function lookUp(paths: HaproxyPaths, condition = ''): readonly string[] {
  const { even, odd } = memory(paths);
  const and = condition === '' ? '' : `${condition} `;
  return [
    `http-request set-var(txn.iap_entry) var(txn.iap_place),map_str(${even})${condition === '' ? '' : ` if ${condition}`}`,
    `http-request set-var(txn.iap_entry) var(txn.iap_place),map_str(${odd}) if ${and}!${FRESH}`,
  ];
}
