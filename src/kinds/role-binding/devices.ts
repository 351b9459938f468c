import { type Condition, compileCondition, isCondition } from '#access/policy/condition.ts';
import { compileLevels, levelName } from '#access/policy/level.ts';
import type { Resource, Snapshot } from '#core/resource.ts';
import { accessLevel, declarationOf } from '../access-level/kind.ts';
import { backendService } from '../backend-service/kind.ts';
import type { Objection } from '../define.ts';
import { forwardingRule } from '../forwarding-rule/kind.ts';
import { targetHttpsProxy } from '../target-https-proxy/kind.ts';
import { servicesOf, urlMap } from '../url-map/kind.ts';
import type { RoleBindingSpec } from './spec.ts';

/** A condition on the certificate of a device, where no device is ever asked for one. */
export function checkDevices({ project, spec }: Resource<RoleBindingSpec>, snapshot: Snapshot): readonly Objection[] {
  const compiled = spec.condition === undefined ? undefined : compileCondition(spec.condition.expression);
  if (compiled === undefined || !isCondition(compiled)) return [];
  const by = readsDevice(compiled, project, snapshot);
  if (by === undefined) return [];
  const at = { code: 'UNMET' as const, path: ['condition', 'expression'] };
  if (spec.role !== 'roles/iap.httpsResourceAccessor') {
    const message = `${by} asks for a certificate of the device, which only front ends of applications see`;
    return [{ ...at, message, fix: 'Ask for something else, or choose roles/iap.httpsResourceAccessor.' }];
  }
  const asking = askingServices(project, snapshot);
  const meant =
    spec.backendService === undefined
      ? snapshot.all(backendService, project).flatMap((it) => (it.spec.iap?.enabled === true ? [it.name] : []))
      : [spec.backendService];
  if (meant.some((it) => asking.has(it))) return [];
  const what = spec.backendService ?? 'any backend service';
  const message = `${by} asks for a certificate of the device, and no front end of ${what} asks clients for one`;
  return [{ ...at, message, fix: 'Add `mtlsPolicy` to the target HTTPS proxy that leads there.' }];
}

/** What of it reads the device: the condition itself, or a level that it asks for. */
function readsDevice({ reads, levels }: Condition, project: string, snapshot: Snapshot): string | undefined {
  if (reads.has('device')) return 'it';
  const compiled = compileLevels(snapshot.all(accessLevel, project).map(declarationOf));
  const asked = levels === 'all' ? [] : [...levels].map(levelName);
  const found = asked.find((it) => compiled.readsOf(it)?.has('device') === true);
  return found === undefined ? undefined : `the access level ${found}`;
}

/** Backend services that a front end which asks clients for certificates leads to. */
function askingServices(project: string, snapshot: Snapshot): ReadonlySet<string> {
  const fronted = new Set(snapshot.all(forwardingRule, project).map((it) => it.spec.targetHttpsProxy));
  const maps = snapshot
    .all(targetHttpsProxy, project)
    .filter((it) => it.spec.mtlsPolicy !== undefined && fronted.has(it.name))
    .map((it) => snapshot.find(urlMap, project, it.spec.urlMap));
  return new Set(maps.flatMap((it) => (it === undefined ? [] : servicesOf(it.spec))));
}
