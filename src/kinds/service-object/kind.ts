import type { Resource, Snapshot } from '#core/resource.ts';
import { defineKind, type Objection } from '../define.ts';
import { type ProtocolMatch, parseProtocol } from '../firewall-rule/spec.ts';
import { builtInServices } from './built-in.ts';
import { ServiceObjectSpec } from './spec.ts';

export const serviceObject = defineKind<ServiceObjectSpec>({
  kind: 'serviceObject',
  title: 'Service object',
  spec: ServiceObjectSpec,
  catalogue: builtInServices,
  check: (resource, snapshot) => [...checkName(resource), ...checkGroup(resource, snapshot)],
  meaning: (before, after) =>
    before !== undefined && after !== undefined && wordsOf(before.spec) !== wordsOf(after.spec)
      ? [`${after.name} stands for ${wordsOf(after.spec)} instead of ${wordsOf(before.spec)} in every policy`]
      : [],
  columns: [
    { title: 'TYPE', value: ({ spec }) => (spec.group === undefined ? 'service' : 'group') },
    { title: 'VALUE', value: ({ spec }) => wordsOf(spec) },
  ],
  feeds: {},
  example: { 'web-admin': { match: ['tcp:8443'] } },
});

const wordsOf = ({ match, group }: ServiceObjectSpec): string => (match ?? group ?? []).join(',');

const checkName = ({ name }: Resource<ServiceObjectSpec>): readonly Objection[] =>
  name === 'any' ? [{ path: [], message: '`any` is built in', fix: 'Choose another name.' }] : [];

function checkGroup({ project, name, spec }: Resource<ServiceObjectSpec>, snapshot: Snapshot): readonly Objection[] {
  const holds = (at: string, seen: Set<string>): boolean => {
    if (at === name) return true;
    if (seen.has(at)) return false;
    seen.add(at);
    return (snapshot.find(serviceObject, project, at)?.spec.group ?? []).some((it) => holds(it, seen));
  };
  return (spec.group ?? []).flatMap((member, index): Objection[] =>
    holds(member, new Set())
      ? [
          {
            path: ['group', index],
            message: member === name ? 'a group cannot hold itself' : `${member} holds ${name} already`,
            fix: 'Take one of them out of the circle.',
          },
        ]
      : [],
  );
}

/** What a service matches: each protocol once per port range, groups taken apart. */
export function protocolsOf(
  name: string,
  { project, snapshot }: { readonly project: string; readonly snapshot: Snapshot },
): readonly ProtocolMatch[] {
  const seen = new Set<string>();
  const gather = (at: string): readonly ProtocolMatch[] => {
    if (seen.has(at)) return [];
    seen.add(at);
    const spec = snapshot.find(serviceObject, project, at)?.spec;
    return [...(spec?.match ?? []).flatMap((it) => parseProtocol(it) ?? []), ...(spec?.group ?? []).flatMap(gather)];
  };
  return gather(name);
}
