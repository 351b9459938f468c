import type { Resource, Snapshot } from '#core/resource.ts';
import { defineKind, type Objection } from '../define.ts';
import { builtInObjects, interfaceObject } from './built-in.ts';
import { NetworkObjectSpec, networkShapes } from './spec.ts';

export const networkObject = defineKind<NetworkObjectSpec>({
  kind: 'networkObject',
  title: 'Network object',
  spec: NetworkObjectSpec,
  catalogue: builtInObjects,
  // An object that a person declares under such a name goes first.
  alias: (name) => {
    const found = interfaceObject(name);
    return found === undefined ? undefined : `${found.of}-interface`;
  },
  check: (resource, snapshot) => [...checkName(resource), ...checkGroup(resource, snapshot)],
  meaning: (before, after) =>
    before !== undefined && after !== undefined && wordsOf(before.spec) !== wordsOf(after.spec)
      ? [`${after.name} stands for ${wordsOf(after.spec)} instead of ${wordsOf(before.spec)} in every policy`]
      : [],
  columns: [
    { title: 'TYPE', value: ({ spec }) => networkShapes.find((it) => spec[it] !== undefined) ?? '' },
    { title: 'VALUE', value: ({ spec }) => wordsOf(spec) },
    { title: 'DESCRIPTION', value: ({ spec }) => spec.description },
  ],
  feeds: {},
  example: {
    'branch-lan': { network: '10.210.0.0/16' },
    'colleague-lan': { network: '10.211.0.0/16' },
    'vlan200-servers': { group: ['ubuntu-webserver'] },
    'ubuntu-webserver': { host: '10.200.0.10' },
    'vpn-udp': { network: '10.60.77.0/24' },
    'vpn-tcp': { network: '10.60.78.0/24' },
  },
});

const wordsOf = (spec: NetworkObjectSpec): string =>
  spec.host ?? spec.network ?? spec.range ?? (spec.group ?? []).join(',');

function checkName({ name }: Resource<NetworkObjectSpec>): readonly Objection[] {
  if (!Object.hasOwn(builtInObjects, name)) return [];
  return [{ path: [], message: `\`${name}\` is built in`, fix: 'Choose another name.' }];
}

/** A group that holds itself, at any depth, stands for nothing. */
function checkGroup({ project, name, spec }: Resource<NetworkObjectSpec>, snapshot: Snapshot): readonly Objection[] {
  return (spec.group ?? []).flatMap((member, index): Objection[] => {
    const chain = chainTo(name, member, { project, snapshot, seen: new Set() });
    if (chain === undefined) return [];
    return [
      {
        path: ['group', index],
        message:
          chain.length === 1 ? 'a group cannot hold itself' : `${chain.slice(0, -1).join(' holds ')} holds ${name}`,
        fix: 'Take one of them out of the circle.',
      },
    ];
  });
}

interface Search {
  readonly project: string;
  readonly snapshot: Snapshot;
  readonly seen: Set<string>;
}

/** From a group down to the object of that name; undefined when it is not in there. */
function chainTo(wanted: string, from: string, search: Search): readonly string[] | undefined {
  if (from === wanted) return [from];
  if (search.seen.has(from)) return undefined;
  search.seen.add(from);
  for (const next of search.snapshot.find(networkObject, search.project, from)?.spec.group ?? []) {
    const rest = chainTo(wanted, next, search);
    if (rest !== undefined) return [from, ...rest];
  }
  return undefined;
}
