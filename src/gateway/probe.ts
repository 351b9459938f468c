import { type ChildProcess, spawn } from 'node:child_process';
import type { ServiceFile } from '#engines/gateway-service/input.ts';
import type { Reach } from '#engines/gateway-service/status.ts';

/** Milliseconds between two echo requests. */
const INTERVAL = 50;
/** Milliseconds without any answer after which a target counts as silent. */
const SILENT = 400;
/** The same while targets of another interface answer: then it is not the machine that is too busy to ask. */
const ALONE = 300;
/** The same where the other node is not heard either. */
const SUSPECT = 200;
/** Milliseconds within which targets answer that are not silent: one answer may be late. */
const ANSWERS = 2 * INTERVAL;
/**
 * Part of the requests of that time that must have been sent and not answered: a machine that is so busy that `ping` does not come to
 * its turn says nothing about a network. It is not waited for longer than `BUSY` times as long.
 */
const SENT = 0.75;
const BUSY = 3;
/** Milliseconds until a `ping` that has ended (no route, no address) is started again. */
const AGAIN = 300;
/** Milliseconds for which it is remembered that nothing answered. */
export const LATELY = 60_000;

/**
 * Milliseconds without any answer after which an interface counts as silent. `elsewhere`: since targets of any other interface have
 * last answered.
 */
export function silentAfter({ suspect, elsewhere }: { readonly suspect: boolean; readonly elsewhere: number }): number {
  if (suspect) return SUSPECT;
  return elsewhere <= ANSWERS ? ALONE : SILENT;
}

interface Target {
  child: ChildProcess | undefined;
  started: number;
  answered: number;
  /** Requests since the last answer. */
  unanswered: number;
}

/** Asks targets with `ping`, which needs no privilege here, all the time; a target is good while it answers. */
export class Probes {
  readonly #interfaces: ServiceFile['interfaces'];
  readonly #targets = new Map<string, Target>();
  readonly #bad = new Map<string, number>();
  #stopped = false;

  constructor(interfaces: ServiceFile['interfaces']) {
    this.#interfaces = interfaces;
    for (const { name, targets } of interfaces) for (const it of targets) this.#start(name, it);
  }

  #start(name: string, target: string): void {
    if (this.#stopped) return;
    const now = performance.now();
    const child = spawn('ping', ['-n', '-O', '-i', String(INTERVAL / 1000), '-I', name, target], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    });
    const key = `${name} ${target}`;
    const known = this.#targets.get(key);
    const state: Target = {
      child,
      started: known?.started ?? now,
      answered: known?.answered ?? -Infinity,
      unanswered: known?.unanswered ?? 0,
    };
    this.#targets.set(key, state);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) {
        if (line.startsWith('no answer yet')) state.unanswered++;
        if (!line.includes(' bytes from ')) continue;
        state.answered = performance.now();
        state.unanswered = 0;
      }
    });
    child.on('error', () => {});
    child.on('close', () => {
      // It could not ask at all.
      state.unanswered = Infinity;
      setTimeout(() => this.#start(name, target), AGAIN);
    });
  }

  /**
   * `active`: whether this node has the shared addresses; without an address nothing can be probed. `suspect`: an interface that
   * there is another reason to doubt.
   */
  reach(active: boolean, suspect?: string): Record<string, Reach> {
    const now = performance.now();
    const of = ({ name, own, targets }: ServiceFile['interfaces'][number]): Reach => {
      if (targets.length === 0 || (!own && !active)) return 'unknown';
      const limit = silentAfter({ suspect: name === suspect, elsewhere: this.#quietBeside(name) });
      if (!this.#isSilent(name, limit)) return 'good';
      // Nobody is blamed before there was time to answer.
      return this.#statesOf(name).every((it) => now - it.started > 3 * SILENT) ? 'bad' : 'unknown';
    };
    const found = this.#interfaces.map((it) => [it.name, of(it)] as const);
    for (const [name, it] of found) if (it === 'bad') this.#bad.set(name, now);
    return Object.fromEntries(found);
  }

  #isSilent(name: string, limit: number): boolean {
    const quiet = this.quietMs(name) ?? Infinity;
    return quiet > BUSY * limit || (quiet > limit && this.#unanswered(name) >= (SENT * limit) / INTERVAL);
  }

  #quietBeside(name: string): number {
    const others = this.#interfaces.filter((it) => it.name !== name);
    return Math.min(...others.map((it) => this.quietMs(it.name) ?? Infinity));
  }

  #statesOf(name: string): Target[] {
    const targets = this.#interfaces.find((it) => it.name === name)?.targets ?? [];
    return targets.flatMap((it) => this.#targets.get(`${name} ${it}`) ?? []);
  }

  #unanswered(name: string): number {
    return Math.min(...this.#statesOf(name).map((it) => it.unanswered));
  }

  /** Since anything last answered there; undefined: it never did. */
  quietMs(name: string): number | undefined {
    const last = Math.max(...this.#statesOf(name).map((it) => it.answered));
    return Number.isFinite(last) ? performance.now() - last : undefined;
  }

  /** A node that has just got its addresses gives targets time to answer. */
  grace(): void {
    const now = performance.now();
    for (const it of this.#targets.values()) it.started = now;
  }

  lately(): string[] {
    const now = performance.now();
    return [...this.#bad].flatMap(([name, at]) => (now - at < LATELY ? [name] : []));
  }

  stop(): void {
    this.#stopped = true;
    for (const it of this.#targets.values()) it.child?.kill('SIGKILL');
  }
}
