import type { EveAlert } from '#engines/suricata/eve.ts';
import { exampleOf, Follower, type FollowerHealth, type Intake } from '../reading/follower.ts';
import type { Cursor, LineBatch, MalformedLine } from '../reading/reader.ts';
import { Crossings } from './crossings.ts';
import { digest } from './digest.ts';
import type { EndpointSettings, EnrichmentContext } from './enrich.ts';
import { type Folded, Folding } from './fold.ts';
import type { FeedState, ThreatStore } from './store.ts';
import type { Session, Side } from './threat.ts';

/** An endpoint as the pipeline follows it. */
export interface FeedSettings {
  readonly endpoint: EndpointSettings;
  readonly trafficLogs: boolean;
  /** The engine's event file. */
  readonly file: string;
  /** Which mirrored copy each interface of the engine receives. */
  readonly interfaces: Readonly<Record<string, Side>>;
}

export interface FeedHealth extends FollowerHealth {
  readonly project: string;
  readonly endpoint: string;
  /** Since the feed was first read, over all restarts. */
  readonly lines: number;
  readonly malformed: number;
  readonly canaries: number;
  readonly suppressed: Readonly<Record<string, number>>;
}

export interface FeedSurroundings {
  readonly store: ThreatStore;
  /** Address and rule lookups for an endpoint; asked once for every batch, so that changes show at once. */
  readonly contextFor: (
    endpoint: EndpointSettings,
  ) => Pick<EnrichmentContext, 'instanceAt' | 'definitionOf' | 'isProxy' | 'personAt'>;
  readonly onStored: (folded: Folded, sessions: readonly Session[]) => void;
  readonly onCanary: (endpoint: EndpointSettings, alert: EveAlert) => void;
  /** Rules of a gateway that let sessions in; undefined for those that are gone. Never throws. */
  readonly rulesOf: (
    endpoint: EndpointSettings,
    alerts: readonly EveAlert[],
  ) => Promise<readonly (string | undefined)[]>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Examples of malformed lines of one batch. */
const examplesOfBatch = 20;
const foldMemory = 60_000_000;

/** Follows one event file: reads, folds, stores, tells. */
export class Feed implements Intake {
  readonly name: string;
  readonly #surroundings: FeedSurroundings;
  readonly #follower: Follower;
  readonly #crossings: Crossings;
  #settings: FeedSettings;
  #folding = new Folding([], { memory: foldMemory });
  #totals: Omit<FeedState, 'cursor'> = { lines: 0, malformed: 0, canaries: 0, suppressed: {} };

  constructor(settings: FeedSettings, surroundings: FeedSurroundings) {
    this.name = feedName(settings.endpoint);
    this.#settings = settings;
    this.#surroundings = surroundings;
    this.#crossings = new Crossings(settings.endpoint.name, (alerts) =>
      surroundings.rulesOf(this.#settings.endpoint, alerts),
    );
    this.#follower = new Follower({ file: settings.file, intake: this, now: surroundings.now });
  }

  get file(): string {
    return this.#settings.file;
  }

  /** New severity, exceptions, interfaces; the file stays. */
  change(settings: FeedSettings): void {
    this.#settings = settings;
  }

  /** Ends after the transaction that is under way. */
  stop(): Promise<void> {
    return this.#follower.stop();
  }

  health(): FeedHealth {
    const { project, name: endpoint } = this.#settings.endpoint;
    return { project, endpoint, ...this.#follower.health(), ...this.#totals };
  }

  isTransient(error: unknown): boolean {
    return this.#surroundings.store.isTransient(error);
  }

  async open(): Promise<Cursor | undefined> {
    const { store } = this.#surroundings;
    const state = await store.feed(this.name);
    if (state !== undefined) {
      const { cursor: _, ...totals } = state;
      this.#totals = totals;
    }
    this.#folding = new Folding(await store.recent(this.#settings.endpoint, foldMemory), { memory: foldMemory });
    return state?.cursor;
  }

  async store(batch: LineBatch): Promise<void> {
    const { endpoint, trafficLogs, interfaces } = this.#settings;
    const surroundings = this.#surroundings;
    const lookups = surroundings.contextFor(endpoint);
    const context: EnrichmentContext = {
      endpoint,
      sideOf: (networkInterface) => interfaces[networkInterface],
      isProxy: (address) => lookups.isProxy(address),
      instanceAt: (address) => lookups.instanceAt(address),
      definitionOf: (alert) => lookups.definitionOf(alert),
      personAt: (address, at) => lookups.personAt?.(address, at),
      ...(endpoint.isGateway === true ? { crossedAt: await this.#crossings.of(batch.lines) } : {}),
    };
    const found = digest(batch.lines, context, { flows: trafficLogs });
    const folded = this.#folding.take(found.sightings);
    const examples = found.malformed
      .slice(0, examplesOfBatch)
      .map(({ index, reason }) => exampleOf(batch, index, reason));
    const malformed = found.malformed.length + batch.setAside.length;
    await surroundings.store.append({
      feed: this.name,
      cursor: batch.cursor,
      lines: batch.lines.length + batch.setAside.length,
      folded,
      sessions: found.sessions,
      malformed,
      examples: [...batch.setAside, ...examples],
      suppressed: found.suppressed,
      canaries: found.canaries.length,
    });
    this.#count({
      lines: batch.lines.length + batch.setAside.length,
      malformed,
      canaries: found.canaries.length,
      suppressed: Object.fromEntries(found.suppressed),
    });
    surroundings.onStored(folded, found.sessions);
    for (const alert of found.canaries) surroundings.onCanary(endpoint, alert);
  }

  async setAside(line: MalformedLine, cursor: Cursor): Promise<void> {
    await this.#surroundings.store.append({
      feed: this.name,
      cursor,
      lines: 1,
      folded: this.#folding.take([]),
      sessions: [],
      malformed: 1,
      examples: [line],
      suppressed: new Map(),
      canaries: 0,
    });
    this.#count({ lines: 1, malformed: 1, canaries: 0, suppressed: {} });
  }

  #count(it: Omit<FeedState, 'cursor'>): void {
    const { lines, malformed, canaries, suppressed } = this.#totals;
    const sums = { ...suppressed };
    for (const [reason, count] of Object.entries(it.suppressed)) sums[reason] = (sums[reason] ?? 0) + count;
    this.#totals = {
      lines: lines + it.lines,
      malformed: malformed + it.malformed,
      canaries: canaries + it.canaries,
      suppressed: sums,
    };
  }
}

export const feedName = ({ project, name, feed }: EndpointSettings): string =>
  feed === undefined ? `${project}/${name}` : `${project}/${name}/${feed}`;
