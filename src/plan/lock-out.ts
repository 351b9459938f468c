import type { Artifact } from '#core/artifact.ts';
import { Problem } from '#core/problem.ts';
import { NamespaceInput } from '#engines/namespace/input.ts';
import { artifactChanges } from './difference.ts';

/** Names of the machine's own namespace, where a gateway is the machine's own firewall. */
export const ownNamespaces = (artifacts: readonly Artifact[]): string[] =>
  artifacts.flatMap((it) => {
    if (it.engine !== 'namespace') return [];
    const { data } = NamespaceInput.safeParse(it.input);
    return data?.host === true ? [data.name] : [];
  });

/**
 * A change of the machine's own firewall may shut out whoever makes it. So it must be one that takes itself back unless they
 * can still say that it is good.
 */
export function refuseLockOut(
  before: readonly Artifact[],
  after: readonly Artifact[],
  confirmSeconds: number | undefined,
): void {
  // Without the firewall everybody is as they were before it.
  const own = ownNamespaces(after);
  if (confirmSeconds !== undefined || own.length === 0) return;
  const changed = artifactChanges(before, after).find((it) => own.some((name) => it.artifact.endsWith(`/${name}`)));
  if (changed === undefined) return;
  throw new Problem('UNMET', {
    at: changed.owners[0] ?? changed.artifact,
    message: 'this changes the firewall of the machine itself, and may shut you out of it',
    fix: 'Apply it with `--confirm-within 2m` and say `vauban confirm` when you still can: otherwise it is taken back.',
  });
}
