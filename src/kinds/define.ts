import type * as z from 'zod';
import type { ProblemParts } from '#core/problem.ts';
import type { KindOf, Resource, ResourceKey, Snapshot } from '#core/resource.ts';
import type { EngineFragments } from '#engines/fragments.ts';
import { type KindName, plurals } from './names.ts';

/**
 * What one resource adds to each engine that it touches. Every feed is pure. `here` is the machine that is compiled for: of
 * what stands on several each has its own; what stands on one is left out elsewhere by the namespace that it is in.
 */
export type Feeds<S, A> = {
  readonly [E in keyof EngineFragments]?: (
    resource: Resource<S, A>,
    snapshot: Snapshot,
    here: string,
  ) => readonly EngineFragments[E][];
};

/** A rule that a schema cannot express, broken: which field, what, and the way out. */
export interface Objection extends Omit<ProblemParts, 'at'> {
  readonly code?: 'CONFLICTING' | 'UNMET' | 'REFERENCE_DANGLING' | 'SERVICE_DISABLED' | 'INVALID_DOCUMENT';
  /** Path inside the spec. */
  readonly path: readonly (string | number)[];
}

/** What is seen of a resource, as columns need it. */
export interface Seen {
  readonly state: string;
  readonly values: Readonly<Record<string, number>>;
}

/** A column `STATE` or `STATUS` stands in for the one that every table ends with. */
export interface Column<S, A> {
  readonly title: string;
  readonly value: (resource: Resource<S, A>, seen: Seen) => string;
}

/** What is known of the running world when something is chosen. It counts once: the choice is kept, not the fact. */
export interface Facts {
  /** Instances that do not do what they should. */
  readonly unwell: ReadonlySet<ResourceKey>;
}

export interface Kind<S, A = unknown> extends KindOf<S, A> {
  /** "Firewall rule". */
  readonly title: string;
  /** The service that must be on in the project for this kind to be used, such as `ids.googleapis.com`. */
  readonly service?: string;
  /** Resources that this one brings with it unless they are declared, such as the subnets of an auto mode network. */
  readonly implies?: (resource: Resource<S, A>) => readonly Omit<Resource, 'assigned'>[];
  /**
   * Chooses what `implies` stands on, such as the members of a group. It sees what is declared and what was chosen
   * before, and nothing that is implied. Done twice it gives the same. A kind has this or `assign`.
   */
  readonly decide?: (resource: Resource<S, A | undefined>, declared: Snapshot, facts: Facts) => A | Objection;
  /** True: what it implies is its own. Nobody else declares, changes or deletes that. */
  readonly owns?: boolean;
  /** What to do instead for whoever wants to change or delete one of those. */
  readonly ownedFix?: (owner: Resource<S, A>, part: string) => string;
  /** Paths of what was chosen that a difference need not show: other words of it say what they mean. */
  readonly untold?: readonly string[];
  /**
   * True: a project has at most one, named like its kind (see {@link singleName}), and a site file holds its spec itself:
   * `internet: { uplink: host }`.
   */
  readonly single?: boolean;
  /** What the snapshot as a whole must fulfil for this resource. */
  readonly check?: (resource: Resource<S, A>, snapshot: Snapshot) => readonly Objection[];
  /** Chooses what the person left open; what was chosen before is kept while it is valid. An objection when it cannot. */
  readonly assign?: (resource: Resource<S, A | undefined>, snapshot: Snapshot) => A | Objection;
  /** What a change of this resource means for traffic, one sentence each: "opens tcp:443 from anywhere to tag server". */
  readonly meaning?: (
    before: Resource<S, A> | undefined,
    after: Resource<S, A> | undefined,
    snapshots: { readonly before: Snapshot; readonly after: Snapshot },
  ) => readonly string[];
  /** What the first column is called; default NAME. */
  readonly nameTitle?: string;
  readonly columns: readonly Column<S, A>[];
  readonly feeds: Feeds<S, A>;
  /** A small complete example: name to spec, as in a site file. */
  readonly example: Readonly<Record<string, z.input<z.ZodType<S>>>>;
}

/** What the one resource of a single kind is called: `projectMetadata` gives `project-metadata`. */
export const singleName = (kind: string): string => kind.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export const defineKind = <S, A = unknown>(
  kind: Omit<Kind<S, A>, 'kind' | 'plural'> & { readonly kind: KindName },
): Kind<S, A> => Object.freeze({ ...kind, plural: plurals[kind.kind] });
