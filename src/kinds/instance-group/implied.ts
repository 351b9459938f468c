import type { Resource } from '#core/resource.ts';
import { projectNumber } from '../instance/fabric.ts';
import { InstanceSpec } from '../instance/spec.ts';
import type { TemplateVersion } from '../instance-template/version.ts';
import type { InstanceGroupAssigned, InstanceGroupSpec, Member } from './spec.ts';

type Group = Resource<InstanceGroupSpec, InstanceGroupAssigned | undefined>;

/** The hosts of a group, as if each had been declared. */
export const impliedInstances = (group: Group): readonly Omit<Resource<InstanceSpec>, 'assigned'>[] =>
  (group.assigned?.members ?? []).flatMap((member) => {
    const version = group.assigned?.versions[member.version];
    if (version === undefined) return [];
    const { project } = group;
    return [{ project, kind: 'instance', name: member.name, spec: specOf(group, member, version) }];
  });

const tagsOf = { http: 'http-server', https: 'https-server' } as const;

function specOf(group: Group, { zone }: Member, { template, spec }: TemplateVersion): InstanceSpec {
  const number = projectNumber(group.project);
  const { firewall, tags, metadata, ...rest } = spec;
  const place = zone === group.spec.zone ? `zones/${zone}` : `regions/${zone.slice(0, -2)}`;
  return InstanceSpec.parse({
    ...rest,
    zone,
    tags: [...new Set([...tags, ...firewall.map((it) => tagsOf[it])])],
    metadata: {
      ...metadata,
      'instance-template': `projects/${number}/global/instanceTemplates/${template}`,
      'created-by': `projects/${number}/${place}/instanceGroupManagers/${group.name}`,
    },
  });
}
