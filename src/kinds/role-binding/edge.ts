import { keyOf, type Resource } from '#core/resource.ts';
import type { EdgeFragment } from '#engines/edge/input.ts';
import type { EdgeTunnel } from '#engines/edge/sections/tunnel.ts';
import { edgeProject } from '../instance/fabric.ts';
import type { RoleBindingSpec } from './spec.ts';

export function toEdge(resource: Resource<RoleBindingSpec>, tunnel: EdgeTunnel | undefined): readonly EdgeFragment[] {
  const { role, members, condition, backendService, instance, sslVpnServer, gateway } = resource.spec;
  return [
    {
      project: edgeProject(resource.project),
      ...(tunnel === undefined ? {} : { tunnel }),
      bindings: [
        {
          key: keyOf(resource),
          role,
          members,
          ...(condition === undefined
            ? {}
            : { condition: { title: condition.title, expression: condition.expression } }),
          ...(backendService === undefined ? {} : { backendService }),
          ...(instance === undefined ? {} : { instance }),
          ...(sslVpnServer === undefined ? {} : { sslVpnServer }),
          ...(gateway === undefined ? {} : { gateway }),
        },
      ],
    },
  ];
}
