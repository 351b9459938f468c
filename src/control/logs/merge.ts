import type { Placed } from './placed.ts';

interface Head {
  readonly rest: AsyncIterator<readonly Placed[]>;
  batch: readonly Placed[];
  at: number;
}

const first = ({ batch, at }: Head): Placed => {
  const entry = batch[at];
  if (entry === undefined) throw new RangeError('a head always has an entry');
  return entry;
};

/** Merges streams that are in order into one that is. Streams left early are closed. */
export async function* merge(
  streams: readonly AsyncIterable<readonly Placed[]>[],
  compare: (a: Placed, b: Placed) => number,
): AsyncGenerator<Placed, void> {
  const heads: Head[] = [];
  const insert = (head: Head): void => {
    let low = 0;
    let high = heads.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = heads[middle];
      if (other !== undefined && compare(first(other), first(head)) <= 0) low = middle + 1;
      else high = middle;
    }
    heads.splice(low, 0, head);
  };
  try {
    for (const stream of streams) {
      const head: Head = { rest: stream[Symbol.asyncIterator](), batch: [], at: 0 };
      if (await fill(head)) insert(head);
    }
    for (let head = heads.shift(); head !== undefined; head = heads.shift()) {
      const entry = first(head);
      head.at += 1;
      if (head.at < head.batch.length || (await fill(head))) insert(head);
      yield entry;
    }
  } finally {
    for (const head of heads) await head.rest.return?.();
  }
}

/** Takes the next batch that is not empty; false at the end of the stream. */
async function fill(head: Head): Promise<boolean> {
  for (;;) {
    const next = await head.rest.next();
    if (next.done === true) return false;
    if (next.value.length > 0) {
      head.batch = next.value;
      head.at = 0;
      return true;
    }
  }
}
