import { keyOf, type Resource } from '#core/resource.ts';
import type { EdgeFragment } from '#engines/edge/input.ts';
import { edgeProject } from '../instance/fabric.ts';
import type { RoleBindingSpec } from './spec.ts';

export function toEdge(resource: Resource<RoleBindingSpec>): readonly EdgeFragment[] {
  const { role, members, condition, instance } = resource.spec;
  return [
    {
      project: edgeProject(resource.project),
      bindings: [
        {
          key: keyOf(resource),
          role,
          members,
          ...(condition === undefined
            ? {}
            : { condition: { title: condition.title, expression: condition.expression } }),
          ...(instance === undefined ? {} : { instance }),
        },
      ],
    },
  ];
}
