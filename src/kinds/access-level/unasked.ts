import type { Resource, Snapshot } from '#core/resource.ts';
import { targetHttpsProxy } from '../target-https-proxy/kind.ts';
import type { AccessLevelSpec } from './spec.ts';

/**
 * Authorities of devices that a level names and of whose certificates no front end takes any: a sentence each, for a plan. It is
 * possible, as the front end may be yet to come, and hardly meant.
 */
export function unaskedAuthorities(
  level: Resource<AccessLevelSpec> | undefined,
  snapshot: Snapshot,
): readonly string[] {
  if (level === undefined) return [];
  const { project, name, spec } = level;
  const asked = new Set(
    snapshot.all(targetHttpsProxy, project).flatMap((it) => it.spec.mtlsPolicy?.clientValidationAuthorities ?? []),
  );
  const named = (spec.basic?.conditions ?? []).flatMap((it) => it.devicePolicy?.certificateAuthorities ?? []);
  return [...new Set(named)]
    .filter((it) => !asked.has(it))
    .map(
      (it) =>
        `no device meets the access level ${name} by the authority ${it}: no target HTTPS proxy names it in \`mtlsPolicy\``,
    );
}
