import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { Mending, Renewal } from '#core/host.ts';
import type { Machine } from '#core/machine.ts';
import { asProblem } from '#core/problem.ts';
import { askedOnce } from './asked-once.ts';
import type { Engines } from './engines.ts';
import { Fingerprints } from './fingerprints.ts';
import type { Holding } from './journal.ts';
import { patience, within } from './within.ts';

export interface MenderParts {
  readonly machine: Machine;
  readonly engines: Engines;
  readonly now: () => number;
  readonly log: (text: string) => void;
}

/** How many artifacts are looked at side by side: each look may start a program or two. */
const AT_ONCE = 8;
/** Milliseconds that something may be on its way before it counts as stuck. */
const STUCK = 120_000;
/** Milliseconds between attempts to mend one artifact: the first and the longest. */
const RETRY = { first: 5000, longest: 300_000 } as const;
const REMEMBERED = 20;

/** Looks for what is not as it should be, whoever changed it, and puts it right. Foreign things are left alone. */
export class Mender {
  readonly fingerprints: Fingerprints;
  readonly #parts: MenderParts;
  readonly #pendingSince = new Map<string, number>();
  readonly #failures = new Map<string, { readonly count: number; readonly next: number }>();
  #mended: Mending[] = [];

  constructor(parts: MenderParts) {
    this.#parts = parts;
    this.fingerprints = new Fingerprints(parts);
  }

  /** What has been mended so far was brought back by a start: after a reboot or `down` everything is gone. */
  markStart(): void {
    this.#mended = this.#mended.map((it) => ({ ...it, atStart: true }));
  }

  /** The last things that were mended, newest first. */
  get mended(): readonly Mending[] {
    return this.#mended;
  }

  async observe(artifacts: readonly Artifact[], machine = askedOnce(this.#parts.machine)): Promise<Observation[]> {
    const { engines } = this.#parts;
    const seen = await inParallel(artifacts, async (it): Promise<Observation[]> => {
      const observe = engines.get(it.engine)?.observe;
      if (observe === undefined) return [];
      try {
        return [await within(patience.observe, it.id, () => observe(machine, it))];
      } catch (error) {
        return [{ artifact: it.id, state: 'failed', detail: asProblem(error).message, values: {} }];
      }
    });
    return seen.flat();
  }

  /**
   * Mends what is held and gives back the holding, in which less is unsettled than before. Stops early when `stop` says
   * that somebody waits.
   */
  async mend(holding: Holding, stop: () => boolean): Promise<{ readonly holding: Holding; readonly mended: number }> {
    const remains = await this.without(holding.remains, 'remove');
    const discard =
      holding.pending === undefined ? await this.without(holding.discard, 'discard') : (holding.discard ?? []);
    const doubtful = new Set(holding.doubtful);
    let mended = 0;
    const wrong = await this.#wrong(holding.artifacts, doubtful);
    for (const it of holding.artifacts) {
      const reason = wrong.get(it.id);
      if (reason === undefined) continue;
      if (stop()) break;
      if (!(await this.#mendOne(it, reason))) continue;
      mended += 1;
      doubtful.delete(it.id);
    }
    // What we have just touched is looked at once more, so that from now on a foreign touch shows.
    const touched = holding.artifacts.filter((it) => wrong.has(it.id));
    if (touched.length > 0) {
      const machine = askedOnce(this.#parts.machine);
      await inParallel(touched, (it) => this.fingerprints.look(it, machine).catch(() => 'unknown' as const));
      await this.fingerprints.save(holding.artifacts);
    }
    const before = [holding.remains, holding.discard, holding.doubtful].map((it) => it?.length ?? 0);
    const same = [remains.length, discard.length, doubtful.size].every((it, index) => it === before[index]);
    return { holding: same ? holding : unsettled(holding, { remains, discard, doubtful: [...doubtful] }), mended };
  }

  async #wrong(artifacts: readonly Artifact[], doubtful: ReadonlySet<string>): Promise<Map<string, string>> {
    const wrong = new Map<string, string>();
    const machine = askedOnce(this.#parts.machine);
    for (const { artifact, state, detail } of await this.observe(artifacts, machine)) {
      const reason = state === 'failed' ? (detail ?? FAILED) : this.#stuck(artifact, state, detail);
      if (reason !== undefined) wrong.set(artifact, reason);
    }
    for (const id of doubtful) wrong.set(id, 'it could not be restored before');
    await inParallel(artifacts, async (it) => {
      if (wrong.has(it.id)) return;
      const due = await this.#parts.engines
        .get(it.engine)
        ?.due?.(machine, it)
        .catch(() => undefined);
      if (due !== undefined) wrong.set(it.id, due);
    });
    const rest = artifacts.filter((it) => !wrong.has(it.id));
    await inParallel(rest, async (it) => {
      const seen = await this.fingerprints.look(it, machine).catch((error: unknown) => asProblem(error));
      if (seen === 'foreign') wrong.set(it.id, FOREIGN);
      else if (seen === 'unknown') wrong.set(it.id, UNKNOWN);
      else if (typeof seen !== 'string') wrong.set(it.id, seen.message);
    });
    await this.fingerprints.save(artifacts);
    return wrong;
  }

  #stuck(id: string, state: Observation['state'], detail: string | undefined): string | undefined {
    if (state !== 'pending') {
      this.#pendingSince.delete(id);
      return undefined;
    }
    const since = this.#pendingSince.get(id) ?? this.#parts.now();
    this.#pendingSince.set(id, since);
    if (this.#parts.now() - since < STUCK) return undefined;
    this.#pendingSince.delete(id);
    return `for ${STUCK / 1000} s: ${detail ?? 'it did not become ready'}`;
  }

  async #mendOne(it: Artifact, reason: string): Promise<boolean> {
    const { engines, machine, log, now } = this.#parts;
    const engine = engines.get(it.engine);
    const failed = this.#failures.get(it.id);
    if (engine === undefined || (failed !== undefined && now() < failed.next)) return false;
    this.fingerprints.touched(it.id);
    try {
      await within(patience.apply, it.id, () =>
        reason === FOREIGN && engine.repair !== undefined
          ? engine.repair(machine, it)
          : engine.apply(machine, it, undefined),
      );
    } catch (error) {
      const count = (failed?.count ?? 0) + 1;
      this.fingerprints.distrust(it.id);
      this.#failures.set(it.id, { count, next: now() + Math.min(RETRY.longest, RETRY.first * 2 ** (count - 1)) });
      const failure = asProblem(error).message;
      log(`${it.id} could not be mended: ${failure}`);
      this.#remember({ artifact: it.id, reason, at: now(), failure });
      return false;
    }
    this.#failures.delete(it.id);
    // Nothing was wrong with it as far as anybody knows: it was only made sure of.
    if (reason === UNKNOWN) return true;
    log(`${it.id} was mended: ${reason}`);
    this.#remember({ artifact: it.id, reason, at: now() });
    return true;
  }

  #remember(mending: Mending): void {
    const others = this.#mended.filter((it) => it.artifact !== mending.artifact);
    this.#mended = [mending, ...others].slice(0, REMEMBERED);
  }

  /** Applies each once more, and tells what was wrong with it. */
  async renew(artifacts: readonly Artifact[]): Promise<Renewal[]> {
    const renewals: Renewal[] = [];
    for (const it of artifacts) {
      const [seen] = await this.observe([it]);
      const print = await this.fingerprints.look(it).catch(() => 'foreign' as const);
      const reason = seen?.state === 'failed' ? (seen.detail ?? FAILED) : print === 'foreign' ? FOREIGN : UNKNOWN;
      this.#failures.delete(it.id);
      const done = await this.#mendOne(it, reason);
      const failure = done ? undefined : this.#mended.find((one) => one.artifact === it.id)?.failure;
      renewals.push({
        artifact: it.id,
        ...(reason === UNKNOWN ? {} : { reason }),
        ...(failure === undefined ? {} : { failure }),
      });
    }
    return renewals;
  }

  /** Does the verb to each; gives back those that it failed for. */
  async without(artifacts: readonly Artifact[] = [], verb: 'remove' | 'discard'): Promise<readonly Artifact[]> {
    const { engines, machine, log } = this.#parts;
    const left: Artifact[] = [];
    for (const it of artifacts) {
      const engine = engines.get(it.engine);
      try {
        await within(patience.remove, it.id, async () => engine?.[verb]?.(machine, it));
      } catch (error) {
        left.push(it);
        log(`${it.id} could not be removed: ${asProblem(error).message}`);
      }
    }
    return left;
  }
}

const FAILED = 'it was not as it should be';
const FOREIGN = 'somebody else changed it';
const UNKNOWN = 'nobody can tell who touched it last';

/** The holding with another rest of unsettled things; empty lists are left out. */
export function unsettled(holding: Holding, rest: Partial<Pick<Holding, 'remains' | 'discard' | 'doubtful'>>): Holding {
  const { remains, discard, doubtful, ...base } = { ...holding, ...rest };
  return {
    ...base,
    ...(remains === undefined || remains.length === 0 ? {} : { remains }),
    ...(discard === undefined || discard.length === 0 ? {} : { discard }),
    ...(doubtful === undefined || doubtful.length === 0 ? {} : { doubtful }),
  };
}

async function inParallel<T, R>(list: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < list.length) {
      const index = next;
      next += 1;
      results[index] = await work(list[index] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, list.length) }, worker));
  return results;
}
