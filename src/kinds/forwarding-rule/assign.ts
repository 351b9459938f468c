import type { Resource, Snapshot } from '#core/resource.ts';
import type { Objection } from '../define.ts';
import { chooseFront } from './front.ts';
import { forwardingRule } from './kind.ts';
import type { ForwardingRuleAssigned, ForwardingRuleSpec } from './spec.ts';

type Rule = Resource<ForwardingRuleSpec, ForwardingRuleAssigned | undefined>;

/** Rules of one project share an address: 80 and 443 of the same site. */
export function assign(rule: Rule, snapshot: Snapshot): ForwardingRuleAssigned | Objection {
  const port = portOf(rule.spec);
  if (typeof port !== 'number') return port;
  const siblings = snapshot.all(forwardingRule, rule.project).filter((it) => it.name !== rule.name);
  const shared = siblings.flatMap((it) => (it.assigned as ForwardingRuleAssigned | undefined)?.address ?? []);
  const front = chooseFront(rule, shared, snapshot);
  return 'message' in front ? front : { ...front, port };
}

function portOf({ portRange, targetHttpsProxy }: ForwardingRuleSpec): number | Objection {
  if (portRange === undefined) return targetHttpsProxy === undefined ? 80 : 443;
  const [from = 0, to = from] = portRange.split('-').map(Number);
  if (from === to && from >= 1 && from <= 65_535) return from;
  return {
    code: 'INVALID_DOCUMENT',
    path: ['portRange'],
    message: `${portRange} is not one port from 1 to 65535`,
    fix: 'Declare a rule for each port.',
  };
}
