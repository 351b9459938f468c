import * as z from 'zod';
import { Artifact, ArtifactId } from './artifact.ts';
import type { Observation } from './engine.ts';
import type { ProblemDocument } from './problem.ts';

/**
 * The contract between control and a host agent. Typed messages only: artifacts to hold, and a closed list of verbs.
 * No message carries a command line for the machine; `exec` names a sandbox and runs inside of it.
 */

/** The machine that control stands on. */
export const LOCAL = 'local';

/** Counts up whenever an older agent would misunderstand what control says, or the other way round. */
export const HOST_CONTRACT = 1;

export const HoldRequest = z.strictObject({
  revision: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  artifacts: z.array(Artifact).max(200_000),
  /** Without a confirmation in so many seconds the former state comes back by itself. */
  confirmSeconds: z.int().min(1).max(86_400).optional(),
});
export type HoldRequest = z.infer<typeof HoldRequest>;

export const RevisionRequest = z.strictObject({ revision: z.int().min(0).max(Number.MAX_SAFE_INTEGER) });
export const ArtifactRequest = z.strictObject({ artifact: ArtifactId });
export const RenewRequest = z.strictObject({ artifacts: z.array(ArtifactId).min(1).max(1000) });

export const SteerRequest = z.strictObject({
  artifact: ArtifactId,
  part: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,250}$/),
  state: z.string().regex(/^[a-z][a-z-]{0,30}$/),
  detail: z.string().max(20_000).optional(),
});
export type SteerRequest = z.infer<typeof SteerRequest>;

const terminalSize = { rows: z.int().min(1).max(1000), columns: z.int().min(1).max(1000) };
export const TerminalSize = z.strictObject(terminalSize);

export const AskRequest = z.strictObject({
  artifact: ArtifactId,
  question: z.string().regex(/^[a-z][a-z-]{0,30}$/),
  detail: z.string().max(20_000).optional(),
});
export type AskRequest = z.infer<typeof AskRequest>;

export const ExecRequest = z.strictObject({
  artifact: ArtifactId,
  argv: z.array(z.string().max(131_072)).min(1).max(1000),
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/)
    .default('root'),
  tty: z
    .strictObject({
      ...terminalSize,
      term: z.string().regex(/^[\w.+-]{1,40}$/),
    })
    .optional(),
});
export type ExecRequest = z.infer<typeof ExecRequest>;

/** What an agent says of itself first. */
export const Hello = z.object({
  /** See {@link HOST_CONTRACT}. */
  contract: z.int(),
  /** Version of the program. */
  version: z.string().max(60),
  /** Its deployment's id; machines of one deployment have ids of their own. */
  deployment: z.string().max(20),
});
export type Hello = z.infer<typeof Hello>;

/** One step of a change on a machine. */
export interface Step {
  readonly action: 'hold' | 'change' | 'release';
  readonly artifact: string;
}

export type HoldEvent =
  | { readonly event: 'steps'; readonly steps: readonly Step[] }
  | { readonly event: 'step'; readonly index: number; readonly state: 'started' | 'done' | 'undone' }
  | { readonly event: 'progress'; readonly text: string }
  | { readonly event: 'failed'; readonly problem: ProblemDocument; readonly restored: boolean }
  | { readonly event: 'done'; readonly changed: number };

export interface HostStatus {
  readonly deployment: string;
  /** The revision whose artifacts are held. */
  readonly revision: number;
  readonly artifacts: number;
  /** Hash of everything that is held, see `digestOfAll`. */
  readonly digest: string;
  /** Whether a change is being applied, or taken back, or the agent is still reading back what it holds. */
  readonly busy: boolean;
  /** What could not be restored or removed so far and is tried again and again. */
  readonly unsettled: readonly string[];
  /** What drifted away lately and was mended, newest first. */
  readonly mended: readonly Mending[];
  /** A revision that must be confirmed before the deadline (milliseconds since 1970). */
  readonly pending?: { readonly revision: number; readonly former: number; readonly deadline: number };
  /** The last revision that was taken back, and why. */
  readonly reverted?: { readonly revision: number; readonly reason: string };
}

/** Something that was not as it should be. */
export interface Mending {
  readonly artifact: string;
  /** What was wrong with it. */
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Why it could not be mended; it is tried again. */
  readonly failure?: string;
  /** True: the agent's own start brought it back. */
  readonly atStart?: boolean;
}

/** What came of applying an artifact once more. */
export interface Renewal {
  readonly artifact: string;
  /** What was wrong with it before. Nothing: it was as it should be. */
  readonly reason?: string;
  /** Why it could not be applied. */
  readonly failure?: string;
}

/** What control needs of a machine, whether it is this one or another. Every method may throw HOST_UNREACHABLE. */
export interface HostLink {
  status(): Promise<HostStatus>;
  /** Brings the machine to hold exactly these artifacts, or leaves it as it was and throws. */
  hold(request: HoldRequest, onEvent: (event: HoldEvent) => void): Promise<void>;
  confirm(revision: number): Promise<void>;
  /** Takes a revision back that waits for its confirmation. */
  revert(revision: number): Promise<void>;
  observe(): Promise<readonly Observation[]>;
  /** Applies artifacts that are held once more, one after the other, whatever they look like. */
  renew(artifacts: readonly string[]): Promise<readonly Renewal[]>;
  /** Restarts the sandbox of an artifact. */
  reset(artifact: string): Promise<void>;
  /** Puts one part of an artifact into a state, such as a load balancer's server into `drain`. */
  steer(request: SteerRequest): Promise<void>;
  /** Asks about an artifact what is too much for an observation, such as the connections of a gateway. */
  ask(request: AskRequest): Promise<unknown>;
}
