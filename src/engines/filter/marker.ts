export const stateTable = 'ip gw_state';

/**
 * Which model the kernel holds, in empty chains of a table of its own: `holds_<model>_<turn>` came with that turn, and
 * `left_<turn>` says that it is over. So a turn is ended without deleting anything: before nft deletes a single chain it
 * reads the names of all that there are, and of a large policy that is most of the work of a small change.
 */
export interface Marker {
  /** Counts the changes since the table was loaded as a whole. */
  readonly turn: number;
  /** What is held, without the turn. */
  readonly holds: string;
  /** All chains that say so, or said so. */
  readonly chains: readonly string[];
}

export const firstMarker = (holds: string): Marker => ({ turn: 0, holds, chains: [nameOf(holds, 0)] });

const nameOf = (holds: string, turn: number): string => `${holds}_${turn}`;

export const markerText = ({ holds, turn }: Marker): string => `add chain ${stateTable} ${nameOf(holds, turn)}\n`;

/** From so many chains on they are deleted. */
const manyChains = 400;

/** From one marker to the next; the text fails unless the kernel is where that one says. */
export function nextMarker(
  from: Marker,
  holds: string,
  clean = false,
): { readonly text: string; readonly after: Marker } {
  const turn = from.turn + 1;
  const over = `left_${from.turn}`;
  const sweep = clean || from.chains.length >= manyChains;
  const chains = sweep ? [] : [...from.chains, over];
  const after = { turn, holds, chains: [...chains, nameOf(holds, turn)] };
  const text = [
    `flush chain ${stateTable} ${nameOf(from.holds, from.turn)}\n`,
    `create chain ${stateTable} ${over}\n`,
    ...(sweep ? [...from.chains, over].map((it) => `delete chain ${stateTable} ${it}\n`) : []),
    markerText(after),
  ].join('');
  return { text, after };
}

/** Reads a listing of the state table; undefined when it says nothing, or more than one thing. */
export function parseMarker(listing: string): Marker | undefined {
  const chains = [...listing.matchAll(/chain ((?:holds|left)_[0-9a-f_]+) /g)].map(([, name = '']) => name);
  const held = chains.flatMap((name) => {
    const [, holds, turn] = /^(holds_[0-9a-f]+_[0-9a-f]+)_(\d+)$/.exec(name) ?? [];
    return holds === undefined || chains.includes(`left_${turn}`) ? [] : [{ holds, turn: Number(turn), chains }];
  });
  return held.length === 1 ? held[0] : undefined;
}
