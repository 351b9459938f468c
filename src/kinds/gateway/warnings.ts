import type { Resource, Snapshot } from '#core/resource.ts';
import { canonical } from '#lib/hash.ts';
import { publishWarnings, tunnelWarnings } from './conflicts.ts';
import { gateway } from './kind.ts';
import { configurationOf, type Gateway } from './place.ts';
import { routeWarnings } from './route-warnings.ts';

type Warn = (it: Gateway, snapshot: Snapshot) => readonly string[];

interface Snapshots {
  readonly before: Snapshot;
  readonly after: Snapshot;
}

/** What is possible and hardly meant: a sentence each. */
const everything: Warn = (it, snapshot) => [
  ...routeWarnings(it, snapshot),
  ...publishWarnings(it, snapshot),
  ...tunnelWarnings(it, snapshot),
];

/** Those that a change of a gateway brings about. */
export function newWarnings(
  before: Gateway | undefined,
  after: Gateway | undefined,
  snapshots: Snapshots,
): readonly string[] {
  return brought(everything, { before, after }, snapshots);
}

const ofPolicy = { filterPolicy: tunnelWarnings, natPolicy: publishWarnings } as const;

/** Those that a change of a policy brings about at gateways that do not change themselves: those say it of themselves. */
export function policyWarnings(
  kind: keyof typeof ofPolicy,
  policy: Pick<Resource, 'project' | 'name'> | undefined,
  snapshots: Snapshots,
): readonly string[] {
  if (policy === undefined) return [];
  const all = snapshots.after.all(gateway, policy.project).flatMap((after) => {
    const before = snapshots.before.find(gateway, after.project, after.name);
    const inForce = configurationOf(after, snapshots.after).spec[kind] === policy.name;
    if (!inForce || before === undefined) return [];
    return said(before, snapshots.before) === said(after, snapshots.after)
      ? brought(ofPolicy[kind], { before, after }, snapshots)
      : [];
  });
  return [...new Set(all)];
}

const said = (it: Gateway, snapshot: Snapshot): string => canonical([it.spec, configurationOf(it, snapshot).spec]);

function brought(
  warn: Warn,
  { before, after }: { readonly before: Gateway | undefined; readonly after: Gateway | undefined },
  snapshots: Snapshots,
): readonly string[] {
  const known = before === undefined ? [] : warn(before, snapshots.before);
  return after === undefined ? [] : warn(after, snapshots.after).filter((it) => !known.includes(it));
}
