import type { SquidInput, SquidListener, UrlProfile } from './input.ts';

/** What the decision program reads, as JSON; lists stand beside it, compiled, under names that tell their content. */
export interface UrlPolicy {
  readonly listeners: readonly SquidListener[];
  readonly profiles: readonly UrlProfile[];
  readonly lists: readonly { readonly name: string; readonly title: string; readonly file: string }[];
}

export const policyOf = (input: SquidInput, fileOf: (list: SquidInput['lists'][number]) => string): UrlPolicy => ({
  listeners: input.listeners,
  profiles: input.profiles,
  lists: input.lists.map((it) => ({ name: it.name, title: it.title, file: fileOf(it) })),
});

/** What the decision program says about itself, as JSON in a file of its own. */
export interface UrlFilterStatus {
  /** Hash of the policy that it goes by. */
  readonly policy: string;
  /** Another one means that counting began again. */
  readonly epoch: string;
  /** Why a newer policy or list was not taken. */
  readonly refused?: string;
  /** Domains and exceptions of every list. */
  readonly lists: Readonly<Record<string, number>>;
  /** Decisions by the key of the rule or, where none matched, of the profile. */
  readonly decisions: Readonly<Record<string, { readonly allowed: number; readonly blocked: number }>>;
}
