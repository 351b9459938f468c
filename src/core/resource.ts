import * as z from 'zod';

/** RFC 1035 label, as the cloud asks for resource names. */
export const namePattern = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
export const nameRule =
  'not a name: a lower-case letter, then up to 62 lower-case letters, digits and dashes, no dash at the end';

/** As the cloud's project ids, at most 30 characters: with kind and name a key still fits into a kernel log prefix. */
export const projectPattern = /^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$/;
export const projectRule =
  'not a project: a lower-case letter, then up to 29 lower-case letters, digits and dashes, no dash at the end';

export const ProjectName = z
  .string()
  .regex(projectPattern, projectRule)
  .meta({ id: 'ProjectName', examples: ['cloud-ids-lab'] });

export const Name = z
  .string()
  .regex(namePattern, nameRule)
  .meta({ id: 'Name', examples: ['web-1'] });

/** A field that names another resource of the same project. `x-ref` reaches JSON Schema, docs and the reference check. */
export const ref = (kind: string) => z.string().regex(namePattern, nameRule).meta({ 'x-ref': kind });

/** Where a resource stands: `project/kind/name`, the key under which the kernel, counters and logs know it. */
export type ResourceKey = string;

export const keyOf = (it: { readonly project: string; readonly kind: string; readonly name: string }): ResourceKey =>
  `${it.project}/${it.kind}/${it.name}`;

export interface Resource<S = unknown, A = unknown> {
  readonly project: string;
  readonly kind: string;
  readonly name: string;
  /** What a person declared, parsed, defaults filled in. */
  readonly spec: S;
  /** What we chose for them at admission (addresses, numbers); kept as long as it stays valid. */
  readonly assigned: A;
}

/** The part of a kind that a compiler needs in order to ask a snapshot for it. */
export interface KindOf<S, A = unknown> {
  /** Singular, camel case: `firewallRule`. */
  readonly kind: string;
  /** Plural, the key in a site file and in a path of the API: `firewallRules`. */
  readonly plural: string;
  readonly spec: z.ZodType<S>;
  /** Built-in resources that every project may refer to, by name. */
  readonly catalogue?: Readonly<Record<string, S>>;
  /** Other names of a resource: the cloud's dated image names, for instance. */
  readonly alias?: (name: string) => string | undefined;
  /** Only for types: what admission assigns. */
  readonly assigned?: A;
}

/** One revision: frozen, parsed, free of dangling references. A compiler sees this and nothing else. */
export interface Snapshot {
  readonly projects: readonly string[];
  /** All of them, sorted by project, kind and name. */
  readonly resources: readonly Resource[];
  /** Sorted by project and name. */
  all<S, A>(kind: KindOf<S, A>, project?: string): readonly Resource<S, A>[];
  find<S, A>(kind: KindOf<S, A>, project: string, name: string): Resource<S, A> | undefined;
  /** For references, which a snapshot has checked. Throws INTERNAL when there is none. */
  get<S, A>(kind: KindOf<S, A>, project: string, name: string): Resource<S, A>;
}
