import { setImmediate as turn } from 'node:timers/promises';
import type { EveAlert } from '#engines/suricata/eve.ts';
import { changesOf, type ThreatChange, trafficFrom } from './change.ts';
import type { EndpointSettings } from './enrich.ts';
import { Feed, type FeedHealth, type FeedSettings, type FeedSurroundings, feedName } from './feed.ts';
import type { RetentionPolicy, ThreatStore } from './store.ts';
import { type News, Subscribers } from './subscribers.ts';
import type { Session, Traffic } from './threat.ts';

export interface PipelineOptions {
  readonly store: ThreatStore;
  readonly contextFor: FeedSurroundings['contextFor'];
  /** Asks gateways; default: no rule is known. */
  readonly rulesOf?: FeedSurroundings['rulesOf'];
  /** Alerts that only prove the engine alive. */
  readonly onCanary?: (endpoint: EndpointSettings, alert: EveAlert) => void;
  /** Asked every second; what it does not keep is deleted little by little. */
  readonly retention?: () => RetentionPolicy;
  /** Milliseconds since 1970; default the system's clock. */
  readonly now?: () => number;
}

export interface ThreatPipeline {
  /** Follows an endpoint, or changes how; the same file is read on without a break. */
  put(settings: FeedSettings): Promise<void>;
  /** Stops following. What was stored stays, and so does the place in the file, for when it comes back. */
  remove(endpoint: EndpointSettings): Promise<void>;
  /** Every threat that is stored or changed from now on, once, after it is stored. Returns how to stop. */
  listen(listener: (change: ThreatChange) => void): () => void;
  /** Every session that is stored from now on, once, after it is stored. Returns how to stop. */
  listenSessions(listener: (session: Traffic) => void): () => void;
  /** The same as `listen`, as a stream; a reader that is too slow is told how many it missed. */
  changes(signal: AbortSignal): AsyncGenerator<News<ThreatChange>>;
  health(): readonly FeedHealth[];
  stop(): Promise<void>;
}

/** Milliseconds that deleting may take of every second. */
const retentionShare = 100;

export function startPipeline(options: PipelineOptions): ThreatPipeline {
  const { store, retention } = options;
  const now = options.now ?? Date.now;
  const feeds = new Map<string, Feed>();
  const subscribers = new Subscribers<ThreatChange>();
  const sessionSubscribers = new Subscribers<Traffic>();
  const surroundings: FeedSurroundings = {
    store,
    contextFor: options.contextFor,
    rulesOf: options.rulesOf ?? (async (_, alerts) => alerts.map(() => undefined)),
    onStored: (folded, sessions) => {
      subscribers.publish(changesOf(folded));
      sessionSubscribers.publish(documentsOf(sessions));
    },
    onCanary: (endpoint, alert) => {
      try {
        options.onCanary?.(endpoint, alert);
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    },
    now,
  };
  const remove = async (name: string): Promise<void> => {
    const feed = feeds.get(name);
    feeds.delete(name);
    await feed?.stop();
  };
  let retaining: Promise<void> | undefined;
  const retain = async (policy: RetentionPolicy): Promise<void> => {
    const started = now();
    try {
      while ((await store.retain(policy)).more && now() - started < retentionShare) await turn();
    } catch {
      // The feeds write to the same store and report its state; deleting is tried again in a second.
    }
    retaining = undefined;
  };
  const timer = setInterval(() => {
    if (retention !== undefined) retaining ??= retain(retention());
  }, 1000);
  return {
    put: async (settings) => {
      const name = feedName(settings.endpoint);
      const feed = feeds.get(name);
      if (feed?.file === settings.file) return feed.change(settings);
      await remove(name);
      feeds.set(name, new Feed(settings, surroundings));
    },
    remove: (endpoint) => remove(feedName(endpoint)),
    listen: (listener) => subscribers.listen(listener),
    listenSessions: (listener) => sessionSubscribers.listen(listener),
    changes: (signal) => subscribers.iterate(signal),
    health: () => [...feeds.values()].map((it) => it.health()),
    stop: async () => {
      clearInterval(timer);
      await Promise.all([...feeds.keys()].map(remove));
      await retaining;
    },
  };
}

/** Made only when somebody listens. */
function* documentsOf(sessions: readonly Session[]): Generator<Traffic> {
  for (const it of sessions) yield trafficFrom(it);
}
