import { ACCOUNTS, ASSERTION_HEADER, EMAIL_HEADER, ID_HEADER, SESSION_COOKIE } from '#access/iap.ts';
import { WHO } from './access-log.ts';
import { found, memory } from './iap-memory.ts';
import { quoted } from './names.ts';
import type { HaproxyPaths } from './paths.ts';

/**
 * What a client's connection keeps of the decision that was found for its last request, so that the next one is neither
 * taken apart nor looked up again. What is kept decides nothing: for each request the cookies must be the same to the letter,
 * and generation, epoch and clock are asked anew, so that whatever is taken back is taken back here in the same moment.
 *
 * Requests of one HTTP/2 connection may carry different sessions, and no version of HAProxy promises that the rules of one
 * run without those of another in between. Therefore one of several that keep something is the first to be done or gives up,
 * and one that made use of it looks in the end whether it is still the same.
 */

/** Variable of the connection to what is kept in it. */
const kept: Readonly<Record<string, string>> = {
  key: 'var(txn.iap_key)',
  service: 'var(txn.backend)',
  epoch: 'var(txn.iap)',
  generation: 'var(txn.iap_generation)',
  until: 'var(txn.iap_entry),add(0)',
  who: `var(${WHO})`,
  email: 'var(txn.iap.email)',
  id: 'var(txn.iap.subject)',
  assertion: 'var(txn.iap.assertion)',
};

const numbers = ['generation', 'until'];

/** In force as soon as this is there, so it is taken away first, and put there last. */
const COOKIES = 'sess.iap_cookies';

/** Whether it was kept for just these cookies. Of several lines with cookies none is; of HTTP/2 the engine makes one line. */
export const SAME_COOKIES = `{ req.fhdr(cookie,1),strcmp(${COOKIES}) eq 0 } !{ req.fhdr(cookie,2) -m found }`;

/** The line of cookies, if it is the only one. */
const LINE = 'txn.iap_line';
export const lineRule = `http-request set-var(${LINE}) req.fhdr(cookie) if { req.fhdr_cnt(cookie) eq 1 }`;

/** The line of the last request that could be kept: with sessions in turn on one connection, keeping is in vain. */
const LAST = 'sess.iap_last';
export const AS_LAST = `{ var(${LINE}),strcmp(${LAST}) eq 0 }`;
export const lastRule = (condition: string): string => `http-request set-var(${LAST}) var(${LINE}) if ${condition}`;

/** Who asks as it is kept: the serial number in it is another whenever something is kept. */
const KEPT_WHO = 'sess.iap_who';

/** There behind {@link knowingRules} for requests that go by what the connection has kept. */
export const KNOWN = WHO;

/**
 * Where they go. The route map is not asked again: it may lead elsewhere by now, and another service is another decision. Where
 * one service is protected, it can be no other.
 */
export const knownChoice = (guarded: readonly string[]): string =>
  `use_backend ${guarded.length === 1 ? guarded[0] : '%[var(sess.iap_service)]'} if ${found(KNOWN)}`;

/**
 * `service`: the sample that names where the request goes; `small`: conditions of which one must hold, the cheapest first; `particular`: those under which a request must go another way
 * whatever is kept. A service that is not protected has no epoch, so that nothing is the same as that.
 */
export const knowingRules = (
  paths: HaproxyPaths,
  {
    service,
    small,
    particular,
  }: { readonly service: string; readonly small: readonly string[]; readonly particular: readonly string[] },
): readonly string[] => {
  const { table, services } = memory(paths);
  const alive = `{ var(sess.iap_key),table_gpt0(${table}),sub(sess.iap_generation) eq 0 }`;
  const epoch = `{ ${service},map_str(${services}),strcmp(sess.iap_epoch) eq 0 }`;
  const none = particular.map((it) => `!${it}`).join(' ');
  const still = `${SAME_COOKIES} ${epoch} ${alive} { date,sub(sess.iap_until) lt 0 }`;
  return [
    // One name for all of them: one that holds is enough.
    ...small.map((it) => `acl iap-small ${it}`),
    `http-request set-var(${KNOWN}) var(${KEPT_WHO}) if iap-small ${still} ${none}`,
  ];
};

/** Keeps what was found for a request, under a condition that holds for all of these rules. */
export function keepingRules(condition: string): readonly string[] {
  const open = `if ${condition} !${found(COOKIES)}`;
  const values = Object.entries(kept);
  const equal = values.map(([name, sample]) =>
    numbers.includes(name) ? `{ ${sample},sub(sess.iap_${name}) eq 0 }` : `{ ${sample},strcmp(sess.iap_${name}) eq 0 }`,
  );
  return [
    `http-request unset-var(${COOKIES}) if ${condition}`,
    `http-request unset-var(sess.iap_alone) ${open}`,
    `http-request set-var(sess.iap_alone) bool(true) ${open} { var(${LINE}) -m reg ${quoted(`^${SESSION_COOKIE}=[^;]*$`)} }`,
    ...values.map(([name, sample]) => `http-request set-var(sess.iap_${name}) ${sample} ${open}`),
    `http-request set-var(${COOKIES}) var(${LINE}) ${open} ${equal.join(' ')}`,
  ];
}

/** Rules of a protected service's backend: it gets what goes by the connection alone. */
export const passingRules: readonly string[] = [
  // Whatever came under these names is gone, so there is nothing to look for and replace.
  `http-request add-header ${EMAIL_HEADER} ${ACCOUNTS}:%[var(sess.iap_email)]`,
  `http-request add-header ${ID_HEADER} ${ACCOUNTS}:%[var(sess.iap_id)]`,
  `http-request add-header ${ASSERTION_HEADER} %[var(sess.iap_assertion)]`,
  // Whichever way a request came here: without a decision in hand it goes no further.
  `http-request deny status 503 unless { var(${KNOWN}),strcmp(${KEPT_WHO}) eq 0 }`,
];
