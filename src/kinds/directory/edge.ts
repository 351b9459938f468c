import type { EdgeFragment } from '#engines/edge/input.ts';
import { edgeProject } from '../instance/fabric.ts';
import { baseDnOf, type Directory } from './base.ts';

/** The edge service reads every directory of its project: internal ones over their socket, others over the network. */
export function toEdge(resource: Directory): readonly EdgeFragment[] {
  const { project, name, spec } = resource;
  const { ldap } = spec;
  const minimumLength = spec.type === 'internal' ? spec.passwordPolicy.minimumLength : 0;
  const directory = { name, baseDn: baseDnOf(resource), minimumLength, ...(ldap === undefined ? {} : { ldap }) };
  return [{ project: edgeProject(project), directories: [directory] }];
}
