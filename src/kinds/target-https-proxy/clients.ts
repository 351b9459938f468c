import type { Resource, Snapshot } from '#core/resource.ts';
import type { EdgeFragment } from '#engines/edge/input.ts';
import type { Frontend } from '#engines/haproxy/input.ts';
import { authorityId, authorityNamed } from '../certificate-authority/kind.ts';
import type { Objection } from '../define.ts';
import { edgeProject } from '../instance/fabric.ts';
import type { TargetHttpsProxySpec } from './kind.ts';

type Target = Resource<TargetHttpsProxySpec>;

/** The authorities whose certificates clients are asked for. */
const asked = ({ project, spec }: Target, snapshot: Snapshot) =>
  (spec.mtlsPolicy?.clientValidationAuthorities ?? []).map((name) => {
    const found = authorityNamed(snapshot, project, name);
    const listed = found?.spec.type !== 'external' || found.spec.crl !== undefined;
    return { name, id: authorityId({ project, name }), listed };
  });

/** What its front ends ask clients for. */
export function clientsOf(target: Target, snapshot: Snapshot): NonNullable<Frontend['tls']>['clients'] {
  const { mtlsPolicy } = target.spec;
  if (mtlsPolicy === undefined) return undefined;
  const authorities = asked(target, snapshot);
  return {
    mode: mtlsPolicy.clientValidationMode,
    authorities: authorities.map((it) => it.id),
    listed: authorities.every((it) => it.listed),
  };
}

/** Whose certificates the edge service knows. */
export const toDevices = (target: Target, snapshot: Snapshot): readonly EdgeFragment[] =>
  target.spec.mtlsPolicy === undefined
    ? []
    : [{ project: edgeProject(target.project), deviceAuthorities: asked(target, snapshot) }];

export function checkClients(target: Target, snapshot: Snapshot): readonly Objection[] {
  const { mtlsPolicy } = target.spec;
  if (mtlsPolicy === undefined) return [];
  const { clientValidationAuthorities: names, clientValidationMode: mode } = mtlsPolicy;
  const at = (index: number) => ['mtlsPolicy', 'clientValidationAuthorities', index];
  const repeated = names.findIndex((it, index) => names.indexOf(it) !== index);
  const authorities = asked(target, snapshot);
  const bare = authorities.findIndex((it) => !it.listed);
  const mixed = mode === 'REJECT_INVALID' && bare >= 0 && authorities.some((it) => it.listed);
  return [
    ...(repeated < 0 ? [] : [{ path: at(repeated), message: 'it is there twice', fix: 'Name an authority once.' }]),
    ...(mixed
      ? [
          {
            code: 'CONFLICTING' as const,
            path: at(bare),
            message: `${names[bare]} has no revocation list and others do: revoked certificates of those could not be rejected`,
            fix: 'Give it its list (`crl`), or ask for its certificates at a proxy of their own.',
          },
        ]
      : []),
  ];
}
