import { Problem } from '#core/problem.ts';
import { keyOf, type Snapshot } from '#core/resource.ts';
import { snapshotOf } from '#core/snapshot.ts';
import type { Facts } from '#kinds/define.ts';
import { kindNamed } from '#kinds/index.ts';
import type { SealingKeys } from '#lib/seal.ts';
import { admit, type Unread, withoutImplied } from '#plan/admit.ts';
import { recall, sealed } from '#plan/secrets.ts';
import type { Declared } from '#plan/site.ts';
import { asDeclared, type Change, declaredBy, formerOf, refusal } from './change.ts';
import type { ResourceStore } from './store/store.ts';

/** What a change is judged by. */
export interface CandidateParts {
  /** What is in force. */
  readonly snapshot: Snapshot;
  readonly store: Pick<ResourceStore, 'resources' | 'revision'>;
  readonly sealing: SealingKeys;
  readonly facts?: () => Facts;
}

/** The snapshot that a change would make. Throws every reason why it cannot. */
export async function candidateOf(change: Change, parts: CandidateParts): Promise<Snapshot> {
  if (change.type === 'rollback') return former(change.revision, parts);
  const { declared, ...unread } = declaredBy(change, parts.snapshot);
  const before = formerOf(change, parts.snapshot);
  const recalled = declared.map((it) =>
    recall(it, before.find<unknown, unknown>(it.kind, it.project, it.name), parts.sealing),
  );
  const problems = [...unread.problems, ...recalled.flatMap((it) => it.problems)];
  const declarations = recalled.map((it) => it.declared);
  return admitted(change, declarations, { ...parts, before, unread: { ...unread, problems } });
}

function admitted(
  change: Change,
  declared: readonly Declared[],
  {
    before,
    unread,
    facts,
    sealing,
  }: Pick<CandidateParts, 'facts' | 'sealing'> & { readonly before: Snapshot; readonly unread?: Unread },
): Snapshot {
  const admission = admit(declared, before, unread, facts?.());
  if (admission.problems.length > 0) throw refusal(change, admission.problems);
  return snapshotOf(admission.snapshot.resources.map((it) => sealed(it, sealing)));
}

/** A revision as it was, but for what resources with parts of their own made of themselves since: a group's hosts. */
async function former(revision: number, parts: CandidateParts): Promise<Snapshot> {
  const { snapshot, store } = parts;
  const state = (await store.revision(revision))?.state;
  if (state !== 'applied' && state !== 'pending') {
    throw new Problem('NOT_FOUND', {
      at: `revision ${revision}`,
      message: 'it was never in force',
      fix: '`vauban history` lists those that were.',
    });
  }
  const rows = (await store.resources(revision)).map((it) => it.resource);
  const owners = snapshot.resources.filter((it) => kindNamed(it.kind)?.owns === true);
  if (!rows.some((it) => owners.some((owner) => keyOf(owner) === keyOf(it)))) return snapshotOf(rows);
  const before = snapshotOf([...snapshot.resources, ...rows, ...owners]);
  return admitted({ type: 'rollback', revision }, withoutImplied(rows).map(asDeclared), { ...parts, before });
}
