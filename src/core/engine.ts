import type * as z from 'zod';
import type { Artifact } from './artifact.ts';
import type { Machine } from './machine.ts';

/** One part of an artifact, and the state that it shall be in: a load balancer's server, and `drain`. */
export interface Steering {
  readonly part: string;
  readonly state: string;
  /** What the state needs to be known by, in the engine's own words: a key that is lent. */
  readonly detail?: string;
}

/** What somebody wants to know of an artifact that is too much for an observation. */
export interface Question {
  /** One that the engine knows, such as `connections`. */
  readonly question: string;
  /** Which ones, in the engine's own words; JSON. */
  readonly detail?: string;
}

/** What an engine tells about one artifact that it holds. */
export interface Observation {
  readonly artifact: string;
  /** `unheard`: the machine that it stands on does not answer; it may go on as it was. */
  readonly state: 'ready' | 'pending' | 'failed' | 'unheard';
  /** Why it is not ready, in words. */
  readonly detail?: string;
  /** Counters and gauges under the key of the resource (or part of it) that they belong to. */
  readonly values: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Names of values that only ever grow, until what counts them is replaced; beside those that do so everywhere. */
  readonly counters?: readonly string[];
  /** Another text means that what is counted has begun again. */
  readonly epoch?: string;
  /** Words about resources (or parts of them) that are not those of the whole artifact, under the same keys. */
  readonly details?: Readonly<Record<string, string>>;
  /** The machine that it stands on; default: the one that control stands on. */
  readonly machine?: string;
}

/**
 * The contract of every engine. `apply` and `remove` are idempotent: told twice, or after a crash half-way, they end in
 * the same state. `check` asks the real engine before anything is changed.
 */
export interface Engine<I> {
  readonly name: string;
  /** The only inputs that the host accepts for this engine. */
  readonly input: z.ZodType<I>;
  check?(machine: Machine, wanted: Artifact<I>): Promise<void>;
  /** Brings the machine from `held` (undefined: unknown or nothing) to `wanted`. */
  apply(machine: Machine, wanted: Artifact<I>, held: Artifact<I> | undefined): Promise<void>;
  /** Takes it off the machine. What only it had (a disk) is kept until {@link discard}: a change may yet be taken back. */
  remove(machine: Machine, held: Artifact<I>): Promise<void>;
  /** Deletes for good what {@link remove} has kept; called once nothing can bring the artifact back. */
  discard?(machine: Machine, held: Artifact<I>): Promise<void>;
  /**
   * For what decides who reaches whom, and does so together with other artifacts: a state that lets through nothing that
   * one of the two does not, held while the others change. `nothing`: neither may stand meanwhile. Undefined: no need.
   */
  between?(held: I, wanted: I): I | 'nothing' | undefined;
  /**
   * What the machine really has of it, as text without counters: it stays the same until somebody else changes it. Throws
   * when it cannot be read.
   */
  fingerprint?(machine: Machine, held: Artifact<I>): Promise<string>;
  /** Replaces what somebody else has changed, whatever it is. Default: `apply` with nothing held. */
  repair?(machine: Machine, held: Artifact<I>): Promise<void>;
  /**
   * Why it is to be applied once more although it is as it was: what was made for a time, a certificate, is soon over.
   * Undefined: nothing is.
   */
  due?(machine: Machine, held: Artifact<I>): Promise<string | undefined>;
  observe?(machine: Machine, held: Artifact<I>): Promise<Observation>;
  /**
   * Changes the state of one part for as long as nobody changes it back: memberships are state, not revisions. Which
   * states there are, the engine says; it throws INVALID_REQUEST for others. `apply` keeps what was steered.
   */
  steer?(machine: Machine, held: Artifact<I>, to: Steering): Promise<void>;
  /** Answers a question and changes nothing. Throws INVALID_REQUEST for one that it does not know. */
  ask?(machine: Machine, held: Artifact<I>, asked: Question): Promise<unknown>;
}

export const defineEngine = <I>(engine: Engine<I>): Engine<I> => Object.freeze(engine);
