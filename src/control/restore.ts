import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import { snapshotOf } from '#core/snapshot.ts';
import { kindNamed } from '#kinds/index.ts';
import type { Unread } from '#plan/admit.ts';
import type { Configuration } from '#plan/backup.ts';
import { type Declared, dotted, parseResource } from '#plan/site.ts';

/** The resources of a backup as if somebody had declared them here, by the same checks as at any other door. */
export function declaredIn(configuration: Configuration): Unread & { readonly declared: readonly Declared[] } {
  const read = configuration.resources.map(({ kind: named, spec: value, ...it }) => {
    const kind = kindNamed(named);
    const at = `${it.project} ${kind?.plural ?? named}/${it.name}`;
    if (kind === undefined || kind.kind !== named)
      return { key: keyOf({ ...it, kind: named }), problems: [unknown(at)] };
    const place = (path: readonly (string | number)[]): string => [at, dotted(path)].filter(Boolean).join(' ');
    return { key: keyOf({ ...it, kind: named }), ...parseResource({ ...it, kind, value, place }) };
  });
  const declaredOf = (it: (typeof read)[number]): Declared | undefined => ('declared' in it ? it.declared : undefined);
  return {
    declared: read.flatMap((it) => declaredOf(it) ?? []),
    problems: read.flatMap((it) => it.problems),
    broken: read.filter((it) => declaredOf(it) === undefined).map((it) => it.key),
  };
}

const unknown = (at: string) =>
  ({
    code: 'INVALID_DOCUMENT',
    at,
    message: 'its kind is unknown here',
    fix: 'Restore with the version of Vauban that made the backup, or a newer one.',
  }) as const;

/** What was chosen there counts as if it had been chosen here; secrets that we have already are recognised. */
export function choicesIn({ choices }: Configuration, snapshot: Snapshot): Snapshot {
  const here = new Map(snapshot.resources.map((it) => [keyOf(it), it]));
  const chosen = choices.map((it): Resource => ({ ...it, spec: here.get(keyOf(it))?.spec ?? {} }));
  return snapshotOf([...snapshot.resources, ...chosen]);
}
