import type { Artifact } from '#core/artifact.ts';
import type { Deployment } from '#core/deployment.ts';
import { fileJournal } from '#host/journal.ts';

/** Every artifact that the agent's files tell of, in every form that it has or may go back to; the surest come last. */
export async function everyArtifact(deployment: Deployment): Promise<readonly Artifact[]> {
  const { holding, open } = await fileJournal(deployment.hostState).read();
  const begun = (open?.steps ?? []).flatMap(({ before, after }) => [before ?? [], after ?? []].flat());
  const rest = [...(holding.discard ?? []), ...(holding.remains ?? []), ...begun];
  return [...rest, ...(holding.pending?.former.artifacts ?? []), ...holding.artifacts];
}

/** What the agent held, and whatever a change that was cut short may have begun; each artifact once. */
export async function heldArtifacts(deployment: Deployment): Promise<Artifact[]> {
  const all = new Map((await everyArtifact(deployment)).map((it) => [it.id, it]));
  return [...all.values()].map((it) => ({ ...it, needs: it.needs.filter((need) => all.has(need)) }));
}
