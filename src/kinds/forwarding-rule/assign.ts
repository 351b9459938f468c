import type { Resource, Snapshot } from '#core/resource.ts';
import { contains, address as parse, parseAddress, prefix } from '#lib/ip.ts';
import { didYouMean } from '#lib/text.ts';
import { chooseExternal, takenExternal } from '../address/external.ts';
import { address } from '../address/kind.ts';
import { firstFree } from '../allocation.ts';
import type { Objection } from '../define.ts';
import { EDGE_TRANSIT } from '../network/fabric.ts';
import { forwardingRule } from './kind.ts';
import type { ForwardingRuleAssigned, ForwardingRuleSpec } from './spec.ts';

type Rule = Resource<ForwardingRuleSpec, ForwardingRuleAssigned | undefined>;

export function assign(rule: Rule, snapshot: Snapshot): ForwardingRuleAssigned | Objection {
  const port = portOf(rule.spec);
  if (typeof port !== 'number') return port;
  const chosen = chooseAddress(rule, snapshot);
  if ('message' in chosen) return chosen;
  const transit = chooseTransit(rule, snapshot);
  return transit === undefined
    ? { code: 'UNMET', path: [], message: 'there are too many load balancers', fix: 'Delete one.' }
    : { ...chosen, port, transit };
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

type Chosen = Pick<ForwardingRuleAssigned, 'address' | 'externalAddresses'>;

function chooseAddress(rule: Rule, snapshot: Snapshot): Chosen | Objection {
  const wanted = rule.spec.address;
  if (wanted !== undefined && parseAddress(wanted) === undefined) return reserved(rule, wanted, snapshot);
  const siblings = snapshot.all(forwardingRule, rule.project).filter((it) => it.name !== rule.name);
  const taken = takenExternal(snapshot, rule);
  if (wanted === undefined) {
    const chosen = chooseExternal(rule.assigned?.externalAddresses[0], taken);
    if (chosen !== undefined) return { address: chosen, externalAddresses: [chosen] };
    return { code: 'UNMET', path: [], message: 'no external address is left', fix: 'Name one in `address`.' };
  }
  // Rules of one project share an address: 80 and 443 of the same site.
  const shared = siblings.some((it) => (it.assigned as ForwardingRuleAssigned | undefined)?.address === wanted);
  if (shared || isReserved(rule, wanted, snapshot)) return { address: wanted, externalAddresses: [] };
  if (taken.has(wanted)) {
    const message = `${wanted} is held by another resource`;
    return { path: ['address'], message, fix: 'Choose another address, or leave it out.' };
  }
  if (unusable.some((it) => contains(it, parse(wanted)))) {
    const message = `${wanted} is not an address of the internet`;
    return { path: ['address'], message, fix: 'Leave `address` out to have one chosen, or name a public one.' };
  }
  return { address: wanted, externalAddresses: [wanted] };
}

const unusable = [
  ...['0.0.0.0/8', '10.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.2.0/24', '192.168.0.0/16'],
  ...['198.18.0.0/15', '224.0.0.0/3', '130.211.0.0/22', '35.191.0.0/16', '35.235.240.0/20'],
].map(prefix);

const isReserved = ({ project }: Rule, wanted: string, snapshot: Snapshot): boolean =>
  snapshot.all(address, project).some((it) => it.spec.type === 'external' && it.assigned?.address === wanted);

function reserved({ project }: Rule, name: string, snapshot: Snapshot): Chosen | Objection {
  const found = snapshot.find(address, project, name);
  if (found?.spec.type === 'external') return { address: found.assigned.address, externalAddresses: [] };
  const names = snapshot.all(address, project).flatMap((it) => (it.spec.type === 'external' ? [it.name] : []));
  const near = didYouMean(name, names);
  return {
    code: 'REFERENCE_DANGLING',
    path: ['address'],
    message: `there is no external address named ${name}`,
    fix: near === undefined ? 'Reserve it under addresses, or leave `address` out.' : `Did you mean ${near}?`,
  };
}

/** One for the whole project, kept as long as one of its rules is there. */
function chooseTransit(rule: Rule, snapshot: Snapshot): string | undefined {
  const rules = snapshot.all(forwardingRule);
  const transitOf = (it: Resource<ForwardingRuleSpec, ForwardingRuleAssigned | undefined>) => it.assigned?.transit;
  const own = rules.filter((it) => it.project === rule.project).flatMap((it) => transitOf(it) ?? []);
  const others = rules.filter((it) => it.project !== rule.project).flatMap((it) => transitOf(it) ?? []);
  const kept = own.sort().find((it) => !others.includes(it));
  return kept ?? firstFree(prefix(EDGE_TRANSIT), new Set(others), { first: 1, last: 1 });
}
