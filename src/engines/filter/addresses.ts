import * as z from 'zod';
import { Address } from '../schemas.ts';
import { type GrantSource, grantsFolder } from './grants.ts';

/** Who had an address from when until when: names people in connections, logs and threats. */
export const Span = z.strictObject({
  address: Address,
  person: z.string().max(320).describe('Email address.'),
  holder: z.string().max(200).describe('Session.'),
  from: z.iso.datetime(),
  until: z.iso.datetime().optional().describe('Absent: until now.'),
});
export type Span = z.infer<typeof Span>;

export const Spans = z.array(Span).max(20_000);

export const addressesFile = (places: { readonly run: string }, namespace: string, source: GrantSource): string =>
  `${grantsFolder(places, namespace)}/${source === 'vpn' ? 'addresses' : 'portal-addresses'}.json`;

/** What cannot be read names nobody. */
export function parseSpans(text: string | undefined): readonly Span[] {
  if (text === undefined) return [];
  try {
    return Spans.parse(JSON.parse(text));
  } catch {
    return [];
  }
}

interface Held {
  readonly address: string;
  readonly person: string;
}

/** Hours for which the past is told, and how much of it at most. */
const KEPT_HOURS = 48;
const KEPT = 10_000;

/** What goes on goes on; what ended, ended now. */
export function spansAfter(before: readonly Span[], sessions: ReadonlyMap<string, Held>, now: Date): readonly Span[] {
  const at = now.toISOString();
  const oldest = new Date(now.getTime() - KEPT_HOURS * 3_600_000).toISOString();
  const going = new Set<string>();
  const old = before.flatMap((it): Span[] => {
    if (it.until !== undefined) return it.until < oldest ? [] : [it];
    const held = sessions.get(it.holder);
    const goesOn = held?.address === it.address && held.person === it.person;
    if (goesOn) going.add(it.holder);
    return [goesOn ? it : { ...it, until: at }];
  });
  const begun = [...sessions].flatMap(([holder, { address, person }]): Span[] =>
    going.has(holder) ? [] : [{ address, person, holder, from: at }],
  );
  return [...old, ...begun].slice(-KEPT);
}

/** Who had an address at a time. What was seen just after an end still belongs to who had it. */
export function personAt(spans: readonly Span[], address: string, at: string): string | undefined {
  const had = spans.filter((it) => it.address === address && it.from <= at);
  const within = had.findLast((it) => it.until === undefined || at <= it.until);
  if (within !== undefined) return within.person;
  const last = had.at(-1);
  const grace = new Date(Date.parse(at) - GRACE).toISOString();
  return last?.until !== undefined && last.until >= grace ? last.person : undefined;
}

/** Milliseconds between an event and the line that tells it. */
const GRACE = 2000;
