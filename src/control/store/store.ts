import type { ProblemDocument } from '#core/problem.ts';
import type { Resource } from '#core/resource.ts';
import type { ResourceChange } from '#plan/difference.ts';

/** `pending`: applied, but taken back by the machine unless it is confirmed. */
export type RevisionState = 'applying' | 'applied' | 'pending' | 'failed' | 'reverted';

export interface Revision {
  readonly number: number;
  readonly state: RevisionState;
  /** Who asked for it. */
  readonly author: string;
  readonly message: string;
  /** RFC 3339. */
  readonly time: string;
  readonly changes: readonly ResourceChange[];
  /** Why it failed or was taken back. */
  readonly problem?: ProblemDocument;
  /** RFC 3339; only while pending. */
  readonly confirmBefore?: string;
}

/** A resource with what the store knows about it. */
export interface Stored {
  readonly resource: Resource;
  /** Revision that gave it its present form; also its etag. */
  readonly revision: number;
  /** RFC 3339. */
  readonly createTime: string;
  readonly updateTime: string;
}

export interface Candidate {
  readonly author: string;
  readonly message: string;
  readonly time: string;
  readonly changes: readonly ResourceChange[];
  /** Resources that are new or different afterwards. */
  readonly put: readonly Resource[];
  readonly gone: readonly Pick<Resource, 'project' | 'kind' | 'name'>[];
  /** What machines are to hold for it, see `digestOfAll`. */
  readonly digest: string;
}

/**
 * Resources and their history. One implementation on SQLite; the methods are asynchronous so that one on PostgreSQL can
 * stand beside it.
 */
export interface ResourceStore {
  /** Number of the revision in force; 0 before the first. */
  head(): Promise<number>;
  /** Every resource as it was at a revision; without one, as it is now. */
  resources(revision?: number): Promise<readonly Stored[]>;
  /** Writes down that a change was begun, and all that is needed to finish it; gives it the next number. */
  begin(candidate: Candidate): Promise<number>;
  /** The digest of a revision that was begun and is not over. */
  begun(revision: number): Promise<string | undefined>;
  /** Makes a begun revision the one in force, all of it at once. */
  commit(revision: number, confirmBefore?: string): Promise<void>;
  confirm(revision: number): Promise<void>;
  fail(revision: number, problem: ProblemDocument): Promise<void>;
  /** Takes the revision in force back; the one before it is in force again. */
  revert(revision: number, problem: ProblemDocument): Promise<void>;
  /** Newest first. */
  history(limit: number, before?: number): Promise<readonly Revision[]>;
  revision(number: number): Promise<Revision | undefined>;
}
