import type { Resource } from '#core/resource.ts';
import { canonical } from '#lib/hash.ts';
import { contains, parsePrefix } from '#lib/ip.ts';
import type { FirewallRuleSpec } from './spec.ts';

type Rule = Resource<FirewallRuleSpec>;

/** What a rule's change does to traffic, in words a person would say. */
export function meaning(before: Rule | undefined, after: Rule | undefined): readonly string[] {
  const was = before === undefined || before.spec.disabled ? undefined : before.spec;
  const is = after === undefined || after.spec.disabled ? undefined : after.spec;
  if (was === undefined && is === undefined) return [];
  if (was === undefined && is !== undefined) return [sentence(is.action === 'allow' ? 'opens' : 'blocks', is)];
  if (was !== undefined && is === undefined)
    return [sentence(was.action === 'allow' ? 'closes' : 'no longer blocks', was)];
  if (was === undefined || is === undefined || effect(was) === effect(is)) return [];
  const verbs =
    is.action === 'allow' ? { gone: 'closes', come: 'opens' } : { gone: 'no longer blocks', come: 'blocks' };
  for (const list of ['rules', 'sourceRanges', 'destinationRanges', 'sourceTags', 'targetTags'] as const) {
    if (effect({ ...was, [list]: is[list] }) !== effect(is)) continue;
    // An empty list stands for everything, and `all` for every protocol: then there is no difference of elements to tell.
    if ([was, is].some((it) => it[list].length === 0 || it[list].includes('all'))) break;
    const gone = was[list].filter((it) => !is[list].some((other) => covers(other, it)));
    const come = is[list].filter((it) => !was[list].some((other) => covers(other, it)));
    return [
      ...(gone.length === 0 ? [] : [sentence(verbs.gone, only(was, list, gone))]),
      ...(come.length === 0 ? [] : [sentence(verbs.come, only(is, list, come))]),
    ];
  }
  return [sentence(was.action === 'allow' ? 'closes' : 'no longer blocks', was), sentence(verbs.come, is)];
}

/** Equal, or a range that holds the other: from `anywhere` nothing is closed that a narrower range opened. */
function covers(wide: string, narrow: string): boolean {
  const [a, b] = [parsePrefix(wide), parsePrefix(narrow)];
  return wide === narrow || (a !== undefined && b !== undefined && a.length <= b.length && contains(a, b.base));
}

type Lists = 'rules' | 'sourceRanges' | 'destinationRanges' | 'sourceTags' | 'targetTags';

/** The rule as if it named these elements alone; ranges and tags of sources stand for each other. */
function only(spec: FirewallRuleSpec, list: Lists, elements: readonly string[]): FirewallRuleSpec {
  const others = list === 'sourceRanges' ? { sourceTags: [] } : list === 'sourceTags' ? { sourceRanges: [] } : {};
  return { ...spec, ...others, [list]: [...elements] };
}

const effect = ({ description: _, logging: __, ...rest }: FirewallRuleSpec): string => canonical(rest);

/** `words` stand in for the rule's own: one host instead of all that carry a tag. */
export function sentence(
  verb: string,
  spec: FirewallRuleSpec,
  words: { readonly hosts?: string; readonly peers?: string } = {},
): string {
  const what = spec.rules.includes('all') ? 'everything' : spec.rules.join(', ');
  const peers = [
    ...spec.sourceRanges.map((it) => (it === '0.0.0.0/0' ? 'anywhere' : it)),
    ...spec.sourceTags.map((it) => `tag ${it}`),
  ];
  const from = words.peers ?? (peers.length === 0 ? 'anywhere' : few(peers));
  const to = few(spec.destinationRanges.map((it) => (it === '0.0.0.0/0' ? 'anywhere' : it))) || 'anywhere';
  const hosts =
    words.hosts !== undefined
      ? words.hosts
      : spec.targetTags.length === 0
        ? `every host of ${spec.network}`
        : few(spec.targetTags.map((it) => `tag ${it}`));
  return spec.direction === 'ingress'
    ? `${verb} ${what} from ${from} to ${hosts}`
    : `${verb} ${what} from ${hosts} to ${to}`;
}

const few = (items: readonly string[]): string =>
  items.length <= 4 ? items.join(', ') : `${items.slice(0, 3).join(', ')} and ${items.length - 3} more`;
