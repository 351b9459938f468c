import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type Choices, choicesOf, type HopState, type States } from '#engines/routing/choice.ts';
import type { RoutingHop, RoutingInput, RoutingRouter } from '#engines/routing/input.ts';
import { routesFor } from '#engines/routing/render.ts';
import { RoutingStatus } from '#engines/routing/status.ts';
import { ask } from './ask.ts';
import { afterAnswer, type Health, innocent } from './health.ts';
import { cutTranslated, setRoutes } from './kernel.ts';

export interface WatchParts {
  readonly input: RoutingInput;
  /** Hash of the file that the input came from. */
  readonly hash: string;
  /** Where it says how it is. */
  readonly status: string;
}

/** Milliseconds between two looks at interfaces: an address that comes with a role must have its routes at once. */
const LOOK = 100;
/** Milliseconds after which routes are set again although nothing has changed: somebody may have taken them away. */
const AGAIN = 5000;

/** Asks the routers of one gateway whether they answer, and lets the kernel route by those that do. */
export class RouterWatch {
  readonly #parts: WatchParts;
  readonly #health = new Map<number, Health>();
  readonly #since = new Map<number, { readonly state: HopState; readonly at: number }>();
  readonly #answered = new Map<number, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  #choices: Choices = new Map();
  #set = '';
  #setAt = -Infinity;
  #busy = false;
  #refused: string | undefined;
  #stopped = false;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#remember();
    for (const router of parts.input.routers) this.#ask(router);
    this.#timers.push(setInterval(() => void this.#turn(), LOOK));
    void this.#turn();
  }

  stop(): void {
    this.#stopped = true;
    for (const it of this.#timers) clearInterval(it);
  }

  /** What was down when a process ended is down until it answers: a start is no reason to try it with people's traffic. */
  #remember(): void {
    try {
      const said = RoutingStatus.parse(JSON.parse(readFileSync(this.#parts.status, 'utf8')));
      for (const [number, it] of Object.entries(said.hops))
        if (it.state === 'down') this.#health.set(Number(number), { state: 'down', against: 0 });
    } catch {
      // It is the first.
    }
  }

  #ask(router: RoutingRouter): void {
    const { probe } = router;
    if (probe === undefined) return;
    for (const { hop: number } of [...router.gateways, ...router.backups]) {
      const hop = this.#parts.input.hops.find((it) => it.number === number);
      if (hop === undefined) continue;
      const turn = async (): Promise<void> => {
        const targets = hop.targets.length > 0 ? hop.targets : [hop.address];
        const took = await Promise.all(targets.map((target) => ask({ target, interface: hop.interface }, probe)));
        this.#heard(
          hop,
          took.find((it) => it !== undefined),
          probe.tries,
        );
      };
      this.#timers.push(setInterval(() => void turn(), probe.intervalMs));
      void turn();
    }
  }

  #heard(hop: RoutingHop, took: number | undefined, tries: number): void {
    if (this.#stopped || this.#states().get(hop.number) === 'away') return;
    if (took !== undefined) this.#answered.set(hop.number, Math.round(took * 10) / 10);
    const before = this.#health.get(hop.number) ?? innocent;
    const after = afterAnswer(before, took !== undefined, tries);
    this.#health.set(hop.number, after);
    if (after.state !== before.state) void this.#turn();
  }

  #states(): States {
    const here = networkInterfaces();
    return new Map(
      this.#parts.input.hops.map((it): [number, HopState] => [
        it.number,
        here[it.interface]?.some((one) => one.family === 'IPv4') === true
          ? (this.#health.get(it.number) ?? innocent).state
          : 'away',
      ]),
    );
  }

  async #turn(): Promise<void> {
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    const states = this.#states();
    const lost = this.#note(states);
    const { input } = this.#parts;
    this.#choices = choicesOf(input, states, this.#choices);
    const batch = routesFor({ input, states, choices: this.#choices });
    const text = JSON.stringify(batch);
    const now = performance.now();
    const changed = text !== this.#set;
    if (changed || now - this.#setAt > AGAIN) {
      this.#refused = await setRoutes(batch);
      this.#set = text;
      this.#setAt = now;
      for (const it of lost) if (!this.#hasNeighbour(it)) await cutTranslated(it.number);
      this.#say(states);
    }
    this.#busy = false;
  }

  /** When each router came to be as it is; gives those that have just failed. */
  #note(states: States): RoutingHop[] {
    const at = Date.now() / 1000;
    return this.#parts.input.hops.filter((hop) => {
      const state = states.get(hop.number) ?? 'up';
      const before = this.#since.get(hop.number)?.state;
      if (state === before) return false;
      this.#since.set(hop.number, { state, at });
      if (before !== undefined) {
        const { address, interface: port } = hop;
        console.log(
          JSON.stringify({ time: new Date().toISOString(), process: 'routers', router: address, port, state }),
        );
      }
      // Its address is with the other member of its cluster, and so are its connections.
      return before === 'up' && (state === 'down' || hop.own);
    });
  }

  /** Whether another router on the same interface goes on with its connections. */
  #hasNeighbour(gone: RoutingHop): boolean {
    const router = this.#parts.input.routers.find((it) =>
      [...it.gateways, ...it.backups].some(({ hop }) => hop === gone.number),
    );
    const used = (router && this.#choices.get(router.number)?.used) ?? [];
    return used.some(({ hop }) => this.#parts.input.hops.find((it) => it.number === hop)?.interface === gone.interface);
  }

  #say(states: States): void {
    const { input, hash, status } = this.#parts;
    const said: RoutingStatus = {
      input: hash,
      hops: Object.fromEntries(
        input.hops.map(({ number }) => [
          number,
          {
            state: states.get(number) ?? 'up',
            since: this.#since.get(number)?.at ?? 0,
            answeredMs: this.#answered.get(number) ?? null,
          },
        ]),
      ),
      routers: Object.fromEntries(
        [...this.#choices].map(([number, { used, by }]) => [number, { used: used.map((it) => it.hop), by }]),
      ),
      refused: this.#refused ?? null,
    };
    writeFileSync(`${status}.new`, JSON.stringify(said));
    renameSync(`${status}.new`, status);
  }
}
