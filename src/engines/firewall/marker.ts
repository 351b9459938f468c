import { stateTable } from './base.ts';

/**
 * Which model the table holds, written as empty chains of a table of its own: a transaction that begins by flushing one
 * fails as a whole when that chain is not there, so it is never run on something else than it was made for.
 */
export interface Marker {
  /** All chains of the state table. */
  readonly chains: readonly string[];
  readonly digest: string;
  readonly base: string;
  /** Nothing of another model is there. */
  readonly settled: boolean;
  /** Counters of rules that are gone may still be there. */
  readonly spare: boolean;
}

export type Phase = 'settled' | 'spare' | 'loaded' | 'swapped';

export const markerOf = (phase: Phase, digest: string, base: string): string => `${phase}_${digest}_${base}`;

/** Reads a listing of the state table. */
export function parseMarker(text: string): Marker | undefined {
  const found = [...text.matchAll(/chain ((settled|spare|loaded|swapped)_([0-9a-f]{64})_([0-9a-f]{16}))/g)];
  const [, , phase, digest, base] = found[0] ?? [];
  if (digest === undefined || base === undefined) return undefined;
  const settled = found.length === 1 && (phase === 'settled' || phase === 'spare');
  return { chains: found.map(([, name = '']) => name), digest, base, settled, spare: phase === 'spare' };
}

/**
 * Written once when the tables are loaded as a whole, and gone with them: counters belong to it. By chance, because the
 * same rules may be loaded again, in a namespace that looks the same.
 */
export const epochText = (chance: string): string => `add chain ${stateTable} epoch_${chance}\n`;

/** Reads a listing of the state table. */
export const parseEpoch = (text: string): string | undefined => /chain epoch_([0-9a-f]+)/.exec(text)?.[1];

export const markerText = (name: string): string => `add chain ${stateTable} ${name}\n`;

/** Fails unless the marker is there. */
export const requireMarker = (name: string): string => `flush chain ${stateTable} ${name}\n`;

export const withoutMarkers = (names: Iterable<string>): string =>
  [...new Set(names)].map((name) => `delete chain ${stateTable} ${name}\n`).join('');
