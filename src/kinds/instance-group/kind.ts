import type { Resource, Snapshot } from '#core/resource.ts';
import { defineKind, type Facts, type Objection } from '../define.ts';
import { regionOf } from '../fields.ts';
import { instance } from '../instance/kind.ts';
import type { InstanceAssigned, InstanceSpec } from '../instance/spec.ts';
import { instanceTemplate } from '../instance-template/kind.ts';
import { versionOf } from '../instance-template/version.ts';
import { toEdgeNamespace } from '../network/edge.ts';
import { toHealing, toHealingLinks } from './healing.ts';
import { impliedInstances } from './implied.ts';
import { meaning } from './meaning.ts';
import { baseNameOf, settled } from './members.ts';
import { standstill } from './roll.ts';
import { type InstanceGroupAssigned, InstanceGroupSpec } from './spec.ts';

export type InstanceGroup = Resource<InstanceGroupSpec, InstanceGroupAssigned>;

export const instanceGroup = defineKind<InstanceGroupSpec, InstanceGroupAssigned>({
  kind: 'instanceGroup',
  title: 'Instance group',
  spec: InstanceGroupSpec,
  owns: true,
  ownedFix: ({ name, spec }, part) =>
    `Change its template ${spec.template} or the group: \`vauban groups resize ${name} N\`, \`vauban groups rolling-replace ${name}\`; \`vauban restart ${part}\` restarts it alone.`,
  decide,
  implies: impliedInstances,
  untold: ['assigned.versions', 'assigned.members', 'assigned.serial'],
  meaning,
  columns: [
    { title: 'LOCATION', value: ({ spec }) => spec.zone ?? spec.region ?? '' },
    { title: 'SCOPE', value: ({ spec }) => (spec.zone === undefined ? 'region' : 'zone') },
    { title: 'BASE_INSTANCE_NAME', value: baseNameOf },
    { title: 'SIZE', value: ({ assigned }) => String(assigned.members.length) },
    { title: 'TARGET_SIZE', value: ({ spec }) => String(spec.targetSize) },
    { title: 'INSTANCE_TEMPLATE', value: ({ spec }) => spec.template },
    { title: 'AUTOSCALED', value: () => 'no' },
  ],
  feeds: {
    namespace: ({ project, spec }) => (spec.autoHealingPolicy === undefined ? [] : [toEdgeNamespace(project)]),
    link: toHealingLinks,
    haproxy: toHealing,
  },
  example: {
    'web-group': {
      template: 'web-host',
      region: 'us-east1',
      targetSize: 3,
      namedPorts: [{ name: 'http', port: 80 }],
      autoHealingPolicy: { healthCheck: 'my-health-check', initialDelaySec: 60 },
      updatePolicy: { maxUnavailable: 1, minReadySec: 10 },
    },
  },
});

function decide(
  { project, name, spec, assigned }: Resource<InstanceGroupSpec, InstanceGroupAssigned | undefined>,
  declared: Snapshot,
  { unwell }: Facts,
): InstanceGroupAssigned | Objection {
  const misplaced = placeObjection(spec) ?? paceObjection(spec);
  if (misplaced !== undefined) return misplaced;
  const template = declared.find(instanceTemplate, project, spec.template);
  if (spec.autoHealingPolicy !== undefined && template?.spec.interfaces[0]?.segment !== undefined) return unasked;
  const others = declared.all(instanceGroup, project).filter((it) => it.name !== name);
  const taken = [
    ...declared.all(instance, project).map((it) => it.name),
    ...others.flatMap((it) => it.assigned?.members.map((member) => member.name) ?? []),
  ];
  return settled({
    project,
    name,
    spec,
    before: assigned,
    template: template === undefined ? undefined : versionOf(template.name, template.spec),
    taken: new Set(taken),
    unwell,
  });
}

/** Checks come from the load balancer, which is on no segment. */
const unasked: Objection = {
  code: 'CONFLICTING',
  path: ['autoHealingPolicy'],
  message: 'its hosts stand on a segment, where no health check reaches them',
  fix: 'Take `autoHealingPolicy` out, or put the template’s first interface on a network.',
};

function paceObjection({ updatePolicy }: InstanceGroupSpec): Objection | undefined {
  const stuck = standstill(updatePolicy, updatePolicy.minimalAction);
  return stuck === undefined ? undefined : { code: 'CONFLICTING', path: ['updatePolicy', 'maxUnavailable'], ...stuck };
}

function placeObjection({ region, zone, distributionPolicy, namedPorts }: InstanceGroupSpec): Objection | undefined {
  const wrong = (path: Objection['path'], message: string, fix: string): Objection => ({
    code: 'CONFLICTING',
    path,
    message,
    fix,
  });
  if ((region === undefined) === (zone === undefined)) {
    return region === undefined
      ? wrong([], 'neither a region nor a zone is named', 'Add `region: NAME` or `zone: NAME`.')
      : wrong(['zone'], 'both a region and a zone are named', 'Keep one of them.');
  }
  const zones = distributionPolicy?.zones ?? [];
  if (zones.length > 0 && region === undefined)
    return wrong(['distributionPolicy'], 'a zonal group is not spread', 'Name a `region` instead of the zone.');
  for (const [index, it] of zones.entries()) {
    const path = ['distributionPolicy', 'zones', index];
    if (regionOf(it) !== region) return wrong(path, `zone ${it} is not in ${region}`, 'Name zones of that region.');
    if (zones.indexOf(it) !== index) return wrong(path, `zone ${it} is named twice`, 'Name each zone once.');
  }
  const twice = namedPorts.findIndex((it, index) =>
    namedPorts.slice(0, index).some((other) => other.name === it.name && other.port === it.port),
  );
  return twice < 0 ? undefined : wrong(['namedPorts', twice], 'this named port is there twice', 'Keep one of them.');
}

/** The hosts that a group has in a snapshot, those on their way out included, by name. */
export const membersIn = (
  snapshot: Snapshot,
  { project, assigned }: InstanceGroup,
): readonly Resource<InstanceSpec, InstanceAssigned>[] =>
  assigned.members.flatMap((it) => snapshot.find(instance, project, it.name) ?? []);
