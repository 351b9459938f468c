import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import type { SquidList, UrlProfile, UrlRule } from '#engines/squid/input.ts';
import { formatPrefix, prefixesOf } from '#lib/ip.ts';
import { weekdays } from '../access-level/spec.ts';
import { addressesOf, type Place } from '../network-object/resolve.ts';
import { schedule } from '../schedule/kind.ts';
import { resolverAddresses } from '../web-category/built-in.ts';
import { webCategory } from '../web-category/kind.ts';
import type { UrlProfileSpec } from './spec.ts';

type Profile = Resource<UrlProfileSpec>;

/** A profile as the URL filter of one gateway judges by it: objects are resolved for that gateway. */
export function judgedProfile(profile: Profile, place: Place): UrlProfile {
  const { name, spec } = profile;
  return {
    name,
    id: keyOf(profile),
    title: spec.title === '' ? name : spec.title,
    rules: spec.rules.filter((it) => it.enabled && !isIdle(it, place)).map((it) => judgedRule(profile, it, place)),
    defaultAction: spec.defaultAction,
    noServerName: spec.noServerName,
    addressLiteral: spec.addressLiteral,
    barred: barredBy(spec),
    page: spec.page,
  };
}

/** What options stop by name, or by address where the name does not tell. */
const barredBy = ({ dnsOverHttps, encryptedClientHello }: UrlProfileSpec): NonNullable<UrlProfile['barred']> => [
  ...(dnsOverHttps === 'block'
    ? [
        {
          cause: 'dns_over_https' as const,
          list: 'doh-providers',
          addresses: resolverAddresses.map((it) => `${it}/32`),
        },
      ]
    : []),
  ...(encryptedClientHello === 'block'
    ? [{ cause: 'encrypted_client_hello' as const, list: 'ech-providers', addresses: [] }]
    : []),
];

const sourcesOf = (names: readonly string[], place: Place): string[] =>
  names
    .flatMap((it) => addressesOf(it, place) ?? [])
    .flatMap(([first, last]) => prefixesOf(first, last))
    .map(formatPrefix);

/** Objects that stand for nothing ask nothing; as no sources at all they would mean everybody. */
const isIdle = ({ source }: UrlProfileSpec['rules'][number], place: Place): boolean =>
  source.length > 0 && sourcesOf(source, place).length === 0;

function judgedRule(profile: Profile, rule: UrlProfileSpec['rules'][number], place: Place): UrlRule {
  const times =
    rule.schedule === undefined ? [] : place.snapshot.get(schedule, place.project, rule.schedule).spec.times;
  return {
    id: `${keyOf(profile)}/${rule.name}`,
    lists: rule.categories,
    sources: sourcesOf(rule.source, place),
    schedule: times.map((it) => ({
      days: it.days.map((day) => weekdays.indexOf(day)).sort(),
      from: minuteOf(it.from) % 1440,
      until: minuteOf(it.until),
      timeZone: it.timeZone,
    })),
    action: rule.action,
    reason: rule.reason,
  };
}

const minuteOf = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));

/** The categories that a profile names or its options need, as lists. */
export const judgedLists = ({ project, spec }: Profile, snapshot: Snapshot): readonly SquidList[] =>
  [...new Set([...spec.rules.flatMap((it) => it.categories), ...barredBy(spec).map((it) => it.list)])].map((name) => {
    const { title, format, domains } = snapshot.get(webCategory, project, name).spec;
    return { name, title: title === '' ? name : title, format, domains };
  });
