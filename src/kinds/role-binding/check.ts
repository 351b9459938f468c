import { compileCondition, isCondition } from '#access/policy/condition.ts';
import { levelName } from '#access/policy/level.ts';
import type { Resource, Snapshot } from '#core/resource.ts';
import { didYouMean } from '#lib/text.ts';
import { accessLevel } from '../access-level/kind.ts';
import { backendService } from '../backend-service/kind.ts';
import type { Objection } from '../define.ts';
import type { RoleBindingSpec } from './spec.ts';

export function check({ project, spec }: Resource<RoleBindingSpec>, snapshot: Snapshot): Objection[] {
  return [...misplaced(project, spec, snapshot), ...repeated(spec), ...conditionFaults(project, spec, snapshot)];
}

/** A role that cannot be had on what is named, or on something that nothing stands before. */
function misplaced(project: string, spec: RoleBindingSpec, snapshot: Snapshot): Objection[] {
  const { role, instance, backendService: name } = spec;
  const forApplications = role === 'roles/iap.httpsResourceAccessor';
  const wrong = forApplications ? (['instance', instance] as const) : (['backendService', name] as const);
  if (wrong[1] !== undefined) {
    const other = forApplications ? 'roles/iap.tunnelResourceAccessor' : 'roles/iap.httpsResourceAccessor';
    const message = forApplications
      ? 'the role for applications cannot be had on a host'
      : 'the role for tunnels cannot be had on a backend service';
    return [{ code: 'CONFLICTING', path: [wrong[0]], message, fix: `Take it out, or choose ${other}.` }];
  }
  const service = name === undefined ? undefined : snapshot.find(backendService, project, name);
  if (service === undefined || service.spec.iap?.enabled === true) return [];
  return [
    {
      code: 'UNMET',
      path: ['backendService'],
      message: `${name} is open to everybody: the identity-aware proxy does not stand before it`,
      fix: 'Add `iap: {}` to the backend service.',
    },
  ];
}

function repeated({ members }: RoleBindingSpec): Objection[] {
  const seen = new Set<string>();
  return members.flatMap((it, index): Objection[] => {
    const same = it.toLowerCase();
    if (!seen.has(same)) {
      seen.add(same);
      return [];
    }
    return [{ path: ['members', index], message: `${it} is there twice`, fix: 'Take one out.' }];
  });
}

function conditionFaults(
  project: string,
  { role, condition }: RoleBindingSpec,
  snapshot: Snapshot,
): readonly Objection[] {
  if (condition === undefined) return [];
  const path = ['condition', 'expression'];
  const compiled = compileCondition(condition.expression);
  if (!isCondition(compiled)) {
    return compiled.map(({ line, column, message, fix }) => ({ path, message: `${line}:${column} ${message}`, fix }));
  }
  const names = snapshot.all(accessLevel, project).map((it) => it.name);
  const unknown = compiled.levels === 'all' ? [] : [...compiled.levels].filter((it) => !names.includes(levelName(it)));
  const tunnel = role === 'roles/iap.tunnelResourceAccessor';
  const foreign = tunnel ? (['path', 'host'] as const) : (['destination'] as const);
  return [
    ...unknown.map((it): Objection => {
      const near = didYouMean(levelName(it), names);
      const fix = near === undefined ? 'Declare it under `accessLevels`.' : `Did you mean ${near}?`;
      return { code: 'REFERENCE_DANGLING', path, message: `there is no access level ${levelName(it)}`, fix };
    }),
    ...foreign
      .filter((it) => compiled.reads.has(it))
      .map(
        (it): Objection => ({
          code: 'CONFLICTING',
          path,
          message: tunnel ? `a tunnel has no request.${it}` : 'only a tunnel has a destination',
          fix: tunnel ? 'Use destination.ip and destination.port.' : 'Use request.host and request.path.',
        }),
      ),
  ];
}
