import { Problem } from '#core/problem.ts';
import { type KindName, kindNameIn, plurals } from '#kinds/names.ts';
import { didYouMean } from '#lib/text.ts';

/** A kind by its names, which is all that most verbs need of it. */
export interface NamedKind {
  readonly kind: KindName;
  readonly plural: string;
}

export const pluralNames: readonly string[] = Object.values(plurals);

/** `firewallRule`, `firewallRules`, `firewall-rules`: all mean the kind. */
export function kindIn(text: string): NamedKind | undefined {
  const kind = kindNameIn(text);
  return kind === undefined ? undefined : { kind, plural: plurals[kind] };
}

/** The same; throws NOT_FOUND with what may have been meant. */
export function kindFor(text: string): NamedKind {
  const kind = kindIn(text);
  if (kind !== undefined) return kind;
  const near = didYouMean(camel(text), Object.entries(plurals).flat());
  throw new Problem('NOT_FOUND', {
    at: text,
    message: `there is no kind ${text}`,
    fix: near === undefined ? `Kinds are ${pluralNames.join(', ')}.` : `Did you mean ${near}?`,
  });
}

export const camel = (text: string): string => text.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

export const pathOf = (project: string, kind: Pick<NamedKind, 'plural'>, name?: string): string =>
  `/v1/projects/${project}/${kind.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
