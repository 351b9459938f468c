import type { Resource, Snapshot } from '#core/resource.ts';
import type { Objection } from '../define.ts';
import { instance } from '../instance/kind.ts';
import { nat } from '../nat/kind.ts';
import { forwardingRule } from './kind.ts';
import type { ForwardingRuleAssigned, ForwardingRuleSpec } from './spec.ts';

type Rule = Resource<ForwardingRuleSpec, ForwardingRuleAssigned>;

export function checkRule(rule: Rule, snapshot: Snapshot): readonly Objection[] {
  const { project, name, spec, assigned } = rule;
  const objections: Objection[] = [];
  if ((spec.targetHttpsProxy === undefined) === (spec.targetHttpProxy === undefined)) {
    objections.push({
      code: 'INVALID_DOCUMENT',
      path: [],
      message: spec.targetHttpProxy === undefined ? 'no proxy is behind it' : 'two proxies are behind it',
      fix: 'Give one of `targetHttpsProxy` and `targetHttpProxy`.',
    });
  }
  const twin = snapshot
    .all(forwardingRule)
    .find(
      (it) =>
        (it.project !== project || it.name < name) &&
        it.assigned.address === assigned.address &&
        (it.project !== project || it.assigned.port === assigned.port),
    );
  if (twin !== undefined) {
    objections.push({
      path: spec.portRange === undefined ? ['address'] : ['portRange'],
      message: `${assigned.address}:${assigned.port} is the front end of ${twin.name} already`,
      fix: 'Choose another address or another port.',
    });
  }
  const user = otherUser(rule, snapshot);
  if (user !== undefined) {
    objections.push({
      path: ['address'],
      message: `${spec.address} is used by ${user}`,
      fix: 'Reserve another address.',
    });
  }
  return objections;
}

/** Whoever else uses the reserved address of that name. */
function otherUser({ project, spec }: Rule, snapshot: Snapshot): string | undefined {
  if (spec.address === undefined) return undefined;
  const host = snapshot
    .all(instance, project)
    .find((it) => it.spec.interfaces.some((leg) => leg.externalAddress === spec.address));
  if (host !== undefined) return `instance ${host.name}`;
  const gateway = snapshot.all(nat, project).find((it) => it.spec.addresses.includes(spec.address ?? ''));
  return gateway === undefined ? undefined : `Cloud NAT ${gateway.name}`;
}
