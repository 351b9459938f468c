import type { Resource } from '#core/resource.ts';
import { canonical } from '#lib/hash.ts';
import { count } from '#lib/text.ts';
import type { FilterPolicySpec, FilterRule } from './spec.ts';

type Policy = Resource<FilterPolicySpec>;

/** How many sentences are told one by one. */
const most = 20;

/** What a policy's change does, rule by rule. */
export function meaning(before: Policy | undefined, after: Policy | undefined): readonly string[] {
  const [was, is] = [before, after].map((it) => new Map((it?.spec.rules ?? []).map((rule) => [rule.name, rule])));
  if (was === undefined || is === undefined) return [];
  const policy = after?.name ?? before?.name ?? '';
  const out: string[] = [];
  for (const [name, rule] of was)
    if (!is.has(name) && rule.enabled) out.push(`${policy}: ${name} no longer ${does(rule)}`);
  for (const [name, rule] of is) {
    const old = was.get(name);
    if (effect(old) === effect(rule)) continue;
    if (rule.enabled) out.push(`${policy}: ${name} ${does(rule)}`);
    else if (old?.enabled === true) out.push(`${policy}: ${name} no longer ${does(old)}`);
  }
  if (out.length === 0 && orderOf(before) !== orderOf(after)) out.push(`${policy}: rules are judged in another order`);
  return out.length <= most ? out : [...out.slice(0, most), `${policy}: ${count(out.length - most, 'more change')}`];
}

const orderOf = (policy: Policy | undefined): string =>
  (policy?.spec.rules ?? []).flatMap((it) => (it.enabled ? [it.name] : [])).join();

function effect(rule: FilterRule | undefined): string {
  if (rule === undefined || !rule.enabled) return '';
  const { comment: _, separator: __, log: ___, ...rest } = rule;
  return canonical(rest);
}

const verbs = { pass: 'lets', block: 'blocks', reset: 'refuses' } as const;

/** "lets http pass from internet to firewall-ext". */
export function does(rule: FilterRule): string {
  const what = few(rule.services, 'everything');
  const from = `${rule.sourceNot ? 'all but ' : ''}${few(rule.source, 'anywhere')}`;
  const who = rule.users.length === 0 ? (rule.rights ? ' for people' : '') : ` for ${few(rule.users, '')}`;
  const rights = rule.rights ? ', as far as their role bindings go' : '';
  const to = `${rule.destinationNot ? 'all but ' : ''}${few(rule.destination, 'anywhere')}`;
  const by = rule.router === undefined ? '' : `, by ${rule.router}`;
  return `${verbs[rule.action]} ${what}${rule.action === 'pass' ? ' pass' : ''} from ${from} to ${to}${who}${rights}${by}${looks(rule)}`;
}

function looks({ inspection, failOpen }: FilterRule): string {
  if (inspection === 'firewall') return '';
  return inspection === 'ids'
    ? ', and looks for attacks in it'
    : `, and drops attacks in it${failOpen ? '' : '; nothing passes while nobody looks'}`;
}

const few = (items: readonly string[], none: string): string =>
  items.length === 0
    ? none
    : items.length <= 4
      ? items.join(', ')
      : `${items.slice(0, 3).join(', ')} and ${items.length - 3} more`;
