import type { EndpointName, Requester, Side, Sighting, ThreatDefinition } from './threat.ts';

/** What folding remembers of a threat, and what a store needs to know to change it. Times in microseconds. */
export interface FoldRecord {
  /** 0 until a store has given it one. */
  number: number;
  readonly endpoint: EndpointName;
  readonly definition: ThreatDefinition;
  readonly signatureId: number;
  readonly application: string;
  readonly source: string;
  readonly destination: string;
  /** Who stands behind a load balancer, see {@link whoOf}. */
  readonly client: string | undefined;
  readonly seenAt: Side | undefined;
  readonly communityId: string | undefined;
  readonly transaction: number | undefined;
  first: number;
  last: number;
  count: number;
  /** The same threat in the other mirrored copy. */
  twin: { readonly number: number } | undefined;
  /** Whether the twin stands for it in folded lists: then it is the received copy. */
  folded: boolean;
}

export interface Opened {
  readonly record: FoldRecord;
  readonly sighting: Sighting;
}

/** A stored threat that more alerts or a twin came to. */
export interface Changed {
  readonly record: FoldRecord;
  /** As it was stored before. */
  readonly before: { readonly count: number; readonly folded: boolean };
}

export interface Folded {
  readonly opened: readonly Opened[];
  readonly changed: readonly Changed[];
}

export interface FoldOptions {
  /** Most that lies between the first and the last alert of a threat, microseconds; default 5 s, as Cloud IDS. */
  readonly window?: number;
  /** Most that lies between both mirrored copies of one alert, microseconds; default 2 s. */
  readonly apart?: number;
  /** How late an alert may come and still find its threat, microseconds; default 60 s. */
  readonly memory?: number;
  /** Most threats that are remembered; default 50,000. Beyond them the oldest take no more alerts. */
  readonly records?: number;
}

/**
 * Folds alerts into threats: the same source (and client behind it), destination, application and threat in the same mirrored copy within the
 * window is one threat with a count; the two copies of a threat are linked. It does no I/O and reads no clock, so the
 * same alerts give the same threats however they are cut into batches. When a batch could not be stored, throw the
 * folding away and build it again from the store.
 */
export class Folding {
  readonly #window: number;
  readonly #apart: number;
  readonly #memory: number;
  readonly #size: number;
  /** Two generations: what was not touched for a whole one is forgotten without a search. */
  #young = new Map<string, FoldRecord[]>();
  #old = new Map<string, FoldRecord[]>();
  #youngPairs = new Map<string, Record<Side, FoldRecord | undefined>>();
  #oldPairs = new Map<string, Record<Side, FoldRecord | undefined>>();
  #generation = Number.NEGATIVE_INFINITY;

  /** `stored`: threats of the last {@link FoldOptions.memory}, oldest first. */
  constructor(stored: Iterable<FoldRecord> = [], options: FoldOptions = {}) {
    this.#window = options.window ?? 5_000_000;
    this.#apart = options.apart ?? 2_000_000;
    this.#memory = options.memory ?? 60_000_000;
    this.#size = options.records ?? 50_000;
    for (const record of stored) {
      const key = keyOf(record.endpoint, record);
      const records = this.#records(key);
      if (records === undefined) this.#young.set(key, [record]);
      else records.push(record);
      this.#pair(record, record.communityId, record.transaction);
    }
  }

  take(batch: readonly Sighting[]): Folded {
    const sorted = batch.toSorted(inTime);
    const earliest = sorted[0]?.at;
    if (earliest === undefined) return { opened: [], changed: [] };
    this.#age(earliest);
    const opened = new Map<FoldRecord, Sighting>();
    const changed = new Map<FoldRecord, Changed['before']>();
    const touch = (record: FoldRecord): void => {
      if (!opened.has(record) && !changed.has(record)) {
        changed.set(record, { count: record.count, folded: record.folded });
      }
    };
    for (const sighting of sorted) {
      const key = foldKey(sighting);
      const records = this.#records(key);
      let record = records?.find((it) => this.#fits(it, sighting.at));
      if (record === undefined) {
        record = recordOf(sighting);
        // Most keys never see a second threat: a list of one is as small as a list can be.
        if (records === undefined) this.#young.set(key, [record]);
        else insert(records, record);
        opened.set(record, sighting);
      } else {
        touch(record);
        record.count += 1;
        record.first = Math.min(record.first, sighting.at);
        record.last = Math.max(record.last, sighting.at);
      }
      this.#link(record, sighting, touch);
    }
    return {
      opened: Array.from(opened, ([record, sighting]) => ({ record, sighting })),
      changed: Array.from(changed, ([record, before]) => ({ record, before })),
    };
  }

  #fits(record: FoldRecord, at: number): boolean {
    return Math.max(record.last, at) - Math.min(record.first, at) <= this.#window;
  }

  #age(earliest: number): void {
    const full = this.#young.size >= this.#size || this.#youngPairs.size >= this.#size;
    if (!full && earliest - this.#generation < this.#memory) return;
    this.#generation = earliest;
    this.#old = this.#young;
    this.#oldPairs = this.#youngPairs;
    this.#young = new Map();
    this.#youngPairs = new Map();
  }

  /** The threats under a key, oldest first. */
  #records(key: string): FoldRecord[] | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.#young.set(key, old);
    return old;
  }

  /** Remembers the copy of an alert and returns the other one, when it came already. */
  #pair(record: FoldRecord, communityId: string | undefined, transaction: number | undefined): FoldRecord | undefined {
    const side = record.seenAt;
    if (side === undefined || communityId === undefined) return undefined;
    const { project, name } = record.endpoint;
    const key = `${project}/${name} ${record.signatureId} ${communityId} ${transaction ?? ''}`;
    let pair = this.#youngPairs.get(key);
    if (pair === undefined) {
      pair = this.#oldPairs.get(key) ?? { sent: undefined, received: undefined };
      this.#youngPairs.set(key, pair);
    }
    pair[side] = record;
    return pair[side === 'sent' ? 'received' : 'sent'];
  }

  #link(record: FoldRecord, sighting: Sighting, touch: (record: FoldRecord) => void): void {
    const other = this.#pair(record, sighting.communityId, sighting.transaction);
    if (other === undefined || record.twin !== undefined || other.twin !== undefined) return;
    if (other.first - sighting.at > this.#apart || sighting.at - other.last > this.#apart) return;
    touch(other);
    touch(record);
    record.twin = other;
    other.twin = record;
    (record.seenAt === 'received' ? record : other).folded = true;
  }
}

/** Threats under one key are few: a window long each, and the memory holds no more than a dozen windows. */
function insert(records: FoldRecord[], record: FoldRecord): void {
  let at = records.length;
  while (at > 0 && (records[at - 1]?.first ?? 0) > record.first) at -= 1;
  records.splice(at, 0, record);
  if (records.length > 16) records.shift();
}

const recordOf = (sighting: Sighting): FoldRecord => ({
  number: 0,
  endpoint: sighting.endpoint,
  definition: sighting.definition,
  signatureId: sighting.signatureId,
  application: sighting.application,
  source: sighting.source.address,
  destination: sighting.destination.address,
  client: whoOf(sighting.client),
  seenAt: sighting.seenAt,
  communityId: sighting.communityId,
  transaction: sighting.transaction,
  first: sighting.at,
  last: sighting.at,
  count: 1,
  twin: undefined,
  folded: false,
});

/** A client, and whoever was signed in there: what one of them did is never told of another. */
export const whoOf = (client: Requester | undefined): string | undefined =>
  client === undefined ? undefined : `${client.address} ${client.principal ?? ''}`;

type Keyed = Pick<FoldRecord, 'definition' | 'seenAt' | 'application' | 'source' | 'destination' | 'client'>;

const keyOf = ({ project, name }: EndpointName, it: Keyed): string =>
  `${project}/${name} ${it.definition.threatId} ${it.seenAt ?? ''} ${it.application} ${it.source} ${it.destination} ${it.client ?? ''}`;

const foldKey = (it: Sighting): string =>
  keyOf(it.endpoint, {
    definition: it.definition,
    seenAt: it.seenAt,
    application: it.application,
    source: it.source.address,
    destination: it.destination.address,
    client: whoOf(it.client),
  });

const text = (a: string | undefined, b: string | undefined): number => (a === b ? 0 : (a ?? '') < (b ?? '') ? -1 : 1);

/** A total order, so that a batch gives the same threats however its lines were mixed. The sender's copy goes first. */
const inTime = (a: Sighting, b: Sighting): number =>
  a.at - b.at ||
  text(b.seenAt, a.seenAt) ||
  a.signatureId - b.signatureId ||
  text(a.sessionId, b.sessionId) ||
  (a.transaction ?? -1) - (b.transaction ?? -1) ||
  a.source.port - b.source.port;
