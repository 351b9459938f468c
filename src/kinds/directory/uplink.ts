import type { Resource, Snapshot } from '#core/resource.ts';
import type { Feeds, Objection } from '../define.ts';
import { chooseTransit } from '../forwarding-rule/front.ts';
import { toEdgeNamespace, toEdgeUplink } from '../network/edge.ts';
import { internetNamespace, internetResolver } from '../network/fabric.ts';
import type { DirectoryAssigned, DirectorySpec } from './spec.ts';

/** The edge service asks a directory elsewhere by the internet, also in a project without a front end there. */
export function assignUplink(
  { project, spec }: Resource<DirectorySpec, DirectoryAssigned | undefined>,
  snapshot: Snapshot,
): DirectoryAssigned | Objection {
  if (spec.type === 'internal') return {};
  const transit = chooseTransit(project, snapshot);
  return transit === undefined
    ? { code: 'UNMET', path: [], message: 'there are too many edges', fix: 'Delete a project that has one.' }
    : { transit };
}

const withUplink =
  <T>(give: (project: string, transit: string) => readonly T[]) =>
  ({ project, assigned }: Resource<DirectorySpec, DirectoryAssigned>): readonly T[] =>
    assigned.transit === undefined ? [] : give(project, assigned.transit);

export const uplinkFeeds: Feeds<DirectorySpec, DirectoryAssigned> = {
  namespace: withUplink((project) => [toEdgeNamespace(project), internetNamespace]),
  link: withUplink((project, transit) => toEdgeUplink(project, transit, [])),
  dnsmasq: withUplink(() => [internetResolver]),
};
