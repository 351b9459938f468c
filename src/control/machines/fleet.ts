import { type Artifact, digestOfAll } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import { type AskRequest, type HoldEvent, type HostLink, LOCAL, type Renewal, type SteerRequest } from '#core/host.ts';
import { asProblem, Problem } from '#core/problem.ts';
import { patienceAfter } from '../agreement.ts';
import { elsewhere, first, type Meant, type Placed, sendable } from './placed.ts';

/** A machine that has joined. */
export interface Remote {
  readonly name: string;
  readonly link: HostLink;
  /** Why nothing is asked of it now: it is not connected, or speaks another version of the contract. */
  readonly trouble?: string;
}

export interface FleetParts {
  /** The machine that control stands on. */
  readonly local: HostLink;
  /** Those that have joined, as they are now; default: none. */
  readonly remotes?: () => readonly Remote[];
  /** What each machine should hold; asked for routing. */
  readonly placed: () => Placed;
  readonly now: () => number;
  readonly log: (text: string, fields?: Readonly<Record<string, unknown>>) => void;
}

export interface FleetHold {
  readonly revision: number;
  readonly machines: Placed;
  /** See `HoldRequest`. */
  readonly confirmSeconds?: number;
}

/** What is known of bringing one machine to what it should hold. */
interface Course {
  /** It is being looked at. */
  running: boolean;
  /** It is being changed. */
  bringing: boolean;
  failures: number;
  /** Milliseconds since 1970. */
  after: number;
  revision?: number;
  trouble?: string | undefined;
}

/** Seconds after which another machine takes a change back by itself, when control goes away in the middle of it. */
const TAKE_BACK = 600;
/** Milliseconds that an observation of another machine may take. */
const LOOK = 5000;

/** All machines of a deployment as one: a change is held by all that are there, or by none. */
export class Fleet implements Omit<HostLink, 'hold'> {
  readonly #parts: FleetParts;
  readonly #courses = new Map<string, Course>();
  /** Changes so far: what was seen before one began says nothing of what is to be done after it. */
  #changes = 0;

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  get remotes(): readonly Remote[] {
    return this.#parts.remotes?.() ?? [];
  }

  get joined(): ReadonlySet<string> {
    return new Set([LOCAL, ...this.remotes.map((it) => it.name)]);
  }

  /** What a machine was last seen to hold, and why it does not hold what it should. */
  courseOf(name: string): { readonly revision?: number; readonly trouble?: string } {
    const { revision, trouble } = this.#course(name);
    return { ...(revision === undefined ? {} : { revision }), ...(trouble === undefined ? {} : { trouble }) };
  }

  status() {
    return this.#parts.local.status();
  }

  /**
   * Other machines first, each with a deadline after which it takes the change back by itself; then this one. What any of
   * them refuses, all give back. One that is away is left out: `settle` brings it up to date.
   */
  async hold(request: FleetHold, onEvent: (event: HoldEvent) => void): Promise<void> {
    const { revision, machines, confirmSeconds } = request;
    this.#changes += 1;
    const holding = await this.#holdElsewhere(request, onEvent);
    const artifacts = sendable(machines.get(LOCAL) ?? []);
    const confirm = confirmSeconds === undefined ? {} : { confirmSeconds };
    try {
      await this.#parts.local.hold({ revision, artifacts, ...confirm }, onEvent);
    } catch (error) {
      // Nobody knows whether it is held here: `settle` decides for the others as soon as that is known.
      if (asProblem(error).code !== 'HOST_UNREACHABLE') await this.#each(holding, (it) => it.link.revert(revision));
      throw error;
    }
    if (confirmSeconds === undefined) await this.#each(holding, (it) => it.link.confirm(revision));
  }

  async #holdElsewhere(request: FleetHold, onEvent: (event: HoldEvent) => void): Promise<readonly Remote[]> {
    const there = this.remotes.filter((it) => it.trouble === undefined && !this.#course(it.name).bringing);
    const ends = await Promise.all(
      there.map(async (remote) => {
        const artifacts = sendable(request.machines.get(remote.name) ?? []);
        const confirmSeconds = request.confirmSeconds ?? TAKE_BACK;
        const tell = (event: HoldEvent): void => {
          if (event.event === 'progress') onEvent({ ...event, text: `${remote.name}: ${event.text}` });
        };
        try {
          await remote.link.hold({ revision: request.revision, artifacts, confirmSeconds }, tell);
          return { remote };
        } catch (error) {
          return { remote, problem: asProblem(error) };
        }
      }),
    );
    const holding = ends.filter((it) => it.problem === undefined).map((it) => it.remote);
    for (const { remote, problem } of ends) {
      if (problem === undefined) continue;
      if (problem.code === 'HOST_UNREACHABLE') {
        this.#parts.log('a machine went away during a change', { machine: remote.name, revision: request.revision });
        continue;
      }
      await this.#each(holding, (it) => it.link.revert(request.revision));
      const { code, message, fix } = problem;
      throw new Problem(code, { at: `machines/${remote.name}: ${problem.at}`, message, fix, cause: problem });
    }
    return holding;
  }

  async confirm(revision: number): Promise<void> {
    await this.#parts.local.confirm(revision);
    await this.#each(this.#there(), (it) => it.link.confirm(revision));
  }

  async revert(revision: number): Promise<void> {
    await this.#parts.local.revert(revision);
    await this.#each(this.#there(), (it) => it.link.revert(revision));
  }

  /** Of another machine what stands there only; when it does not answer, that is said of each thing on it. */
  async observe(): Promise<readonly Observation[]> {
    const placed = this.#parts.placed();
    const there = [...placed.keys()].filter((it) => it !== LOCAL);
    const lists = await Promise.all([
      this.#parts.local.observe(),
      ...there.map((name) => this.#look(name, elsewhere(placed, name))),
    ]);
    return lists.length === 1 ? (lists[0] ?? []) : lists.flat();
  }

  async #look(name: string, wanted: readonly Artifact[]): Promise<readonly Observation[]> {
    const ids = new Set(wanted.map((it) => it.id));
    try {
      const seen = await first(this.#linkOf(name).observe(), LOOK);
      return seen.filter((it) => ids.has(it.artifact)).map((it) => ({ ...it, machine: name }));
    } catch (error) {
      const detail = `machine ${name}: ${asProblem(error).message}`;
      return wanted.map((it) => ({ artifact: it.id, state: 'unheard', detail, values: {}, machine: name }));
    }
  }

  async renew(artifacts: readonly string[]): Promise<readonly Renewal[]> {
    const groups = Map.groupBy(artifacts, (it) => this.#placeOf(it));
    const lists = await Promise.all([...groups].map(([name, ids]) => this.#linkOf(name).renew(ids)));
    return lists.flat();
  }

  reset(artifact: string): Promise<void> {
    return this.#of(artifact).reset(artifact);
  }

  steer(request: SteerRequest): Promise<void> {
    return this.#of(request.artifact).steer(request);
  }

  async ask(request: AskRequest): Promise<unknown> {
    return this.#of(request.artifact).ask(request);
  }

  /** Brings the machines that are there to what is in force, each by itself. Never throws; call it again and again. */
  async settle(meant: Meant): Promise<void> {
    await Promise.all(this.remotes.map((it) => this.#settle(it, meant)));
  }

  async #settle(remote: Remote, meant: Meant): Promise<void> {
    const course = this.#course(remote.name);
    if (remote.trouble !== undefined || course.running || this.#parts.now() < course.after) return;
    course.running = true;
    try {
      course.trouble = await this.#bring(remote, meant);
      course.failures = 0;
    } catch (error) {
      const problem = asProblem(error);
      course.failures += 1;
      course.after = this.#parts.now() + patienceAfter(course.failures);
      course.trouble = `it cannot be brought to revision ${meant.revision}: ${problem.message}`;
      this.#parts.log('a machine does not agree yet', { machine: remote.name, problem: problem.toJSON() });
    } finally {
      course.running = false;
    }
  }

  /** Gives why it is left as it is, when it is. */
  async #bring({ name, link }: Remote, meant: Meant): Promise<string | undefined> {
    const course = this.#course(name);
    const before = this.#changes;
    const status = await link.status();
    course.revision = status.revision;
    const { pending } = status;
    if (before !== this.#changes || status.busy || (meant.waits && pending?.revision === meant.revision))
      return undefined;
    if (pending !== undefined) {
      await (pending.revision === meant.revision ? link.confirm(pending.revision) : link.revert(pending.revision));
      return undefined;
    }
    const artifacts = meant.machines.get(name) ?? [];
    if (status.digest === digestOfAll(artifacts) && status.revision === meant.revision) return undefined;
    if (status.revision > meant.newest) {
      return `it holds revision ${status.revision}, of which nothing is known here; restore the newer data, or apply the site again`;
    }
    this.#parts.log('a machine is brought to what is in force', { machine: name, revision: meant.revision });
    course.bringing = true;
    await link
      .hold({ revision: meant.revision, artifacts: sendable(artifacts) }, () => {})
      .finally(() => {
        course.bringing = false;
      });
    course.revision = meant.revision;
    return undefined;
  }

  #course(name: string): Course {
    const known = this.#courses.get(name);
    if (known !== undefined) return known;
    const course: Course = { running: false, bringing: false, failures: 0, after: 0 };
    this.#courses.set(name, course);
    return course;
  }

  #there(): readonly Remote[] {
    return this.remotes.filter((it) => it.trouble === undefined);
  }

  /** What stands on several machines is asked of this one. */
  #placeOf(artifact: string): string {
    const has = [...this.#parts.placed()].filter(([, list]) => list.some((it) => it.id === artifact));
    return has.find(([name]) => name === LOCAL)?.[0] ?? has[0]?.[0] ?? LOCAL;
  }

  #of(artifact: string): HostLink {
    // Nobody else to ask: no need to look for it.
    return this.#parts.placed().size < 2 ? this.#parts.local : this.#linkOf(this.#placeOf(artifact));
  }

  #linkOf(name: string): HostLink {
    if (name === LOCAL) return this.#parts.local;
    const remote = this.remotes.find((it) => it.name === name);
    if (remote !== undefined && remote.trouble === undefined) return remote.link;
    throw new Problem('HOST_UNREACHABLE', {
      at: `machines/${name}`,
      message: remote?.trouble ?? 'it has not joined this deployment',
      fix: '`vauban machines list` shows who is there.',
    });
  }

  /** Of those that do not answer, `settle` takes care later. */
  async #each(remotes: readonly Remote[], work: (remote: Remote) => Promise<void>): Promise<void> {
    await Promise.all(
      remotes.map((it) =>
        work(it).catch((error: unknown) =>
          this.#parts.log('a machine is settled later', { machine: it.name, problem: asProblem(error).toJSON() }),
        ),
      ),
    );
  }
}
