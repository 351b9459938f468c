import {
  ACCOUNTS,
  ASSERTION_HEADER,
  EMAIL_HEADER,
  GENERATED_HEADER,
  ID_HEADER,
  MODE_PARAMETER,
  OWN_PATHS,
  SESSION_COOKIE,
  SIGN_IN_PATH,
} from '#access/iap.ts';
import { flags } from '#access/policy/flags.ts';
import { RUNNING_LENGTH } from '../edge/paths.ts';
import { DIGEST, SERIAL, WHO } from './access-log.ts';
import type { Section } from './backend.ts';
import { KEPT_HOST_NAME, WEBSOCKET } from './captured.ts';
import { DEVICE } from './clients.ts';
import { spoePath } from './iap-agent.ts';
import {
  AS_LAST,
  KNOWN,
  keepingRules,
  knowingRules,
  knownChoice,
  lastRule,
  lineRule,
  SAME_COOKIES,
} from './iap-connection.ts';
import { edgePathsOf, FRESH, found, lookUp, memory } from './iap-memory.ts';
import type { BackendService, Frontend, HaproxyInput } from './input.ts';
import { askingName, quoted } from './names.ts';
import { PAGE_TYPE } from './pages.ts';
import type { HaproxyPaths } from './paths.ts';

/**
 * Where the identity-aware proxy has its say. Nothing here costs anything for load balancers that it protects nothing of.
 *
 * A request with a session is looked up in what HAProxy remembers of former decisions (see `edge/decision/memory.ts`), and
 * goes on at once when it is found there. All others go to the twin of their service, which asks the edge service first.
 * Only the services' own backends set identity headers; the front end has taken out whatever came under these names.
 */

/** Names of our own sections. Names of resources have no dot. */
export const PAGES = 'iap.pages';
export const AGENT = 'iap.agent';
const ANONYMOUS = 'iap.anonymous';

/** Whether the identity-aware proxy stands before a service. */
export const isProtected = ({ iap }: Pick<BackendService, 'iap'>): boolean => iap === true;

/** Whether it stands before any. */
export const protectsAny = ({ services }: Pick<HaproxyInput, 'services'>): boolean => services.some(isProtected);

const there = (name: string): string => found(`txn.${name}`);

/** Addresses of our own, some of them on any path: what is asked about although it is remembered. */
const OWN_ADDRESSES = `{ pathq -m sub ${MODE_PARAMETER}= ${OWN_PATHS} }`;

/** Requests that may outlive a decision, so that the edge service must know of them. */
const lasting = [
  WEBSOCKET,
  '{ req.fhdr(accept) -m sub text/event-stream }',
  '{ req.fhdr(content-type) -m sub application/grpc }',
];

/** Bytes of a body that may still be on their way when a decision is taken back; less is mostly in buffers already. */
const LARGE = 131_072;

/**
 * What may still run when somebody loses a right is an entry of a table for as long as it runs, so that the edge service can
 * find it and end it (`edge/decision/running.ts` reads this). A body that has no length has no end, either.
 */
const runningRules = (where: Where, conditions: readonly string[]): readonly string[] => [
  `http-request set-var-fmt(txn.iap_running) ${running(where, deciding)} if ${conditions.join(' or ')}`,
  // Without such a variable there is no entry, either.
  `http-request track-sc1 var(txn.iap_running) table ${memory(where.paths).running}`,
];

/** `asksClients`: whether devices may have shown certificates, so that what runs is told apart by them. */
export interface Where {
  readonly paths: HaproxyPaths;
  readonly asksClients: boolean;
}

/** Who asks, and for what: samples. */
interface Asked {
  readonly key: string;
  readonly service: string;
  readonly host: string;
}

const running = ({ asksClients }: Where, { key, service, host }: Asked): string =>
  `'%rt|%ci:%cp|%[unique-id]|%[${key}]|%[${service}]|%[${host}]|${asksClients ? `=%[${DEVICE}]|` : ''}%HU'`;

const deciding: Asked = { key: 'var(txn.iap_key)', service: 'var(txn.backend)', host: 'var(txn.host)' };
const knowing: Asked = { key: `var(${WHO}),bytes(0,${DIGEST})`, service: 'be_name', host: KEPT_HOST_NAME };

/**
 * There is a body no longer, or never was, as all of it is in the engine's buffer. The engine keeps the name for its developers;
 * it only looks at a flag, and an engine without it would refuse the whole configuration.
 */
const WHOLE = 'internal.htx.has_eom';

/** Without a length there is no such value. */
const small = (side: 'req' | 'res'): string => `${side}.hdr_val(content-length) le ${LARGE}`;
const BODILESS = 'method GET HEAD';
const largeRequests = (when = ''): readonly string[] => [`${when}!{ ${BODILESS} } !{ ${small('req')} }`];

/** What is not all here yet. The engine takes what follows an agreement to another protocol for no part of the response. */
const goingOn: readonly string[] = [`acl iap-goes-on ${WHOLE},not`, 'acl iap-goes-on status 101'];

const runningResponses = (where: Where): readonly string[] => [
  ...goingOn,
  `http-response set-var-fmt(txn.iap_running) ${running(where, deciding)} if iap-goes-on !${there('iap_running')} !{ ${small('res')} }`,
  `http-response track-sc1 var(txn.iap_running) table ${memory(where.paths).running}`,
];

/** Of the service's own backend, which gets small requests only. */
export const knownRunningRules = (where: Where): readonly string[] => [
  ...goingOn,
  `http-response set-var-fmt(txn.iap_running) ${running(where, knowing)} if iap-goes-on !{ ${small('res')} }`,
  `http-response track-sc1 var(txn.iap_running) table ${memory(where.paths).running}`,
];

const BEARER = "-m beg -i 'bearer '";

/** Rules of a front end: whether the connection knows it all. `service`: the sample that names where the request goes. */
export const recognizingRules = (
  frontend: Frontend,
  { input, paths, service }: { readonly input: HaproxyInput; readonly paths: HaproxyPaths; readonly service: string },
): readonly string[] =>
  protectsAny(input) && frontend.tls !== undefined
    ? knowingRules(paths, { service, small: [WHOLE, small('req')], particular: [OWN_ADDRESSES] })
    : [];

/** What is known goes by all rules behind this one. */
export const passedBy = (frontend: Frontend, input: HaproxyInput): readonly string[] =>
  protectsAny(input) && frontend.tls !== undefined ? [`http-request allow if ${found(KNOWN)}`] : [];

/** For all others, of which `txn.backend` names the service: what its policy is known by. */
export function decidingRules(frontend: Frontend, input: HaproxyInput, paths: HaproxyPaths): readonly string[] {
  if (!protectsAny(input)) return [];
  // Absent for services that are not protected.
  const epoch = `http-request set-var(txn.iap) var(txn.backend),map_str(${memory(paths).services})`;
  // Of two cookies one would be judged, and the other passed on.
  const single = `http-request deny status 400 if { req.cook_cnt(${SESSION_COOKIE}) gt 1 }`;
  if (frontend.tls === undefined) {
    return [epoch, `http-request redirect scheme https code 302 if ${there('iap')}`, single];
  }
  return [epoch, single];
}

/** `use_backend` lines that come before the one that all requests take. `service`: as with {@link recognizingRules}. */
export function decidingChoices(frontend: Frontend, input: HaproxyInput, service: string): readonly string[] {
  if (!protectsAny(input)) return [];
  const tokens = ['authorization', 'proxy-authorization'].map((it) => `{ req.fhdr(${it}) ${BEARER} }`);
  const ask = 'use_backend %[var(txn.backend)].ask';
  // A process that has just begun does not know yet whether anybody may come in (`0`): it has to ask.
  const nobody = `!{ var(txn.iap) -m sub ${flags.anybody} } !{ var(txn.iap) -m str 0 }`;
  const modes = ['IDENTITY', 'CLEAR_LOGIN_COOKIE'].map((it) => `${MODE_PARAMETER}=${it}`);
  // The ways that most requests take come first: each rule costs those that go by it.
  return [
    ...(frontend.tls === undefined ? [] : [knownChoice(input.services.filter(isProtected).map((it) => it.name))]),
    `use_backend %[${service}] if !${there('iap')}`,
    `use_backend ${PAGES} if { path -m beg ${OWN_PATHS} }`,
    `use_backend ${PAGES} if { query -m sub ${modes.join(' ')} }`,
    `${ask} if { req.cook(${SESSION_COOKIE}) -m found }`,
    `${ask} if ${tokens.join(' or ')}`,
    `use_backend ${ANONYMOUS} if ${nobody} !{ method OPTIONS }`,
    `use_backend ${ANONYMOUS} if ${nobody} !{ var(txn.iap) -m sub ${flags.options} }`,
    ask,
  ];
}

const STRIP = `http-request replace-header cookie ${quoted(`^(?:${SESSION_COOKIE}=[^;]*;? ?(.*)|(.*?); ?${SESSION_COOKIE}=[^;]*(.*))$`)} ${quoted('\\1\\2\\3')}`;

/** Our own cookie is for nobody behind us: who has it could use it. In backends of every service, protected or not. */
export const strippingRules = (input: Pick<HaproxyInput, 'services'>): readonly string[] =>
  protectsAny(input) ? [STRIP] : [];

/** Of a service's own backend: the connection knows whether there are cookies besides. */
export const knownStrippingRules: readonly string[] = [
  `http-request del-header cookie if ${found('sess.iap_alone')}`,
  `${STRIP} unless ${found('sess.iap_alone')}`,
];

/** Who or what asks, by the cookie, else by a token, and what is remembered of that. */
function lookingRules(paths: HaproxyPaths): readonly string[] {
  const unknown = `!${there('iap_key')}`;
  const token = (header: string, into: string) =>
    `http-request set-var(txn.${into}) req.fhdr(${header}) if ${unknown} { req.fhdr(${header}) ${BEARER} }`;
  const keyFrom = (name: string) =>
    `http-request set-var(txn.iap_key) var(txn.${name}),sha2(256),ub64enc if ${unknown} ${there(name)}`;
  return [
    lineRule,
    `http-request set-var(txn.iap_key) var(sess.iap_key) if ${SAME_COOKIES}`,
    `http-request set-var(txn.iap_key) req.cook(${SESSION_COOKIE}),sha2(256),ub64enc if ${unknown}`,
    token('proxy-authorization', 'iap_proxy_token'),
    keyFrom('iap_proxy_token'),
    token('authorization', 'iap_token'),
    keyFrom('iap_token'),
    // Zero for sessions that are not in the table: no entry has that.
    `http-request set-var(txn.iap_generation) var(txn.iap_key),table_gpt0(${memory(paths).table})`,
    'http-request set-var(txn.iap_place) var(txn.iap_key),concat(|,txn.iap),concat(|,txn.iap_generation)',
    `http-request set-var(txn.iap_now) date if ${there('iap_place')}`,
    ...lookUp(paths),
    `http-request set-var(txn.iap_lasting) bool(true) if ${lasting.join(' or ')}`,
    `http-request set-var(txn.iap_special) bool(true) if ${there('iap_lasting')} or ${OWN_ADDRESSES}`,
  ];
}

/** What was decided before is decided again, without a question, and kept for the next request. */
function rememberingRules(where: Where): readonly string[] {
  const { paths } = where;
  const remembered = there('iap_remembered');
  const byCookie = `!${there('iap_extra')} !${there('iap_proxy_token')} !${there('iap_token')}`;
  const keep = there('iap_keep');
  return [
    `http-request set-var(txn.iap_remembered) bool(true) if !${there('iap_special')} ${FRESH}`,
    `http-request set-var(txn.iap_who) var(txn.iap_key),map_str(${memory(paths).people}) if ${remembered}`,
    `http-request set-var(txn.iap.email) var(txn.iap_who),field(1,|) if ${remembered}`,
    `http-request set-var(txn.iap.subject) var(txn.iap_who),field(2,|) if ${remembered}`,
    `http-request set-var(txn.iap.assertion) var(txn.iap_entry),bytes(11) if ${remembered}`,
    whoRule(remembered),
    ...identityRules(remembered),
    `http-request set-var(txn.iap_keep) bool(true) if ${remembered} ${byCookie} ${AS_LAST}`,
    lastRule(remembered),
    ...runningRules(where, largeRequests(`${remembered} `)),
    // All further rules are for what is kept, and for what is asked about.
    `http-request allow if ${remembered} !${keep}`,
    ...keepingRules(keep),
    `http-request allow if ${remembered}`,
  ];
}

/** A reason that is missing leaves an empty word behind the dot. */
const whoRule = (condition: string, more = ''): string =>
  `http-request set-var-fmt(${WHO}) '%[var(txn.iap_key)]%[rand(90000000),add(10000000)]%[var(txn.iap.email),ub64enc]${more}' if ${condition}`;

const REASON = '.%[var(txn.iap.reason),ub64enc]';

const identityRules = (condition = ''): readonly string[] =>
  Object.entries({
    [EMAIL_HEADER]: ['email', `${ACCOUNTS}:`],
    [ID_HEADER]: ['subject', `${ACCOUNTS}:`],
    [ASSERTION_HEADER]: ['assertion', ''],
  }).map(
    ([header, [name = '', before = '']]) =>
      `http-request set-header ${header} ${before}%[var(txn.iap.${name})] if ${condition === '' ? '' : `${condition} `}${there(`iap.${name}`)}`,
  );

/** A token that was for us is for nobody else. */
const tokenRules: readonly string[] = [
  `http-request del-header proxy-authorization if ${there('iap_proxy_token')}`,
  `http-request del-header authorization if ${there('iap_token')}`,
];

/** Paths that a backend may read in another way than we do; the edge service judges by the same rule. */
const AMBIGUOUS = '[\\\\;]|//|%(?:2e|2f|5c|3b|00|25)|/\\.{1,2}(?:/|$)';

/**
 * Rules and filter of its twin, which asks the edge service about each request. `always`: what is done to each request on its
 * way to a server.
 */
export function askingRules(where: Where, always: readonly string[]): readonly string[] {
  const { paths } = where;
  const device = where.asksClients ? `|%[${DEVICE}]` : '';
  const flagged = (flag: string) => `{ var(txn.iap) -m sub ${flag} }`;
  const particular = `{ var(txn.iap) -m sub ${flags.address} ${flags.path} } !${there('iap_special')}`;
  const generated = `hdr ${GENERATED_HEADER} true hdr x-request-id %[unique-id] hdr cache-control no-store`;
  return [
    `filter spoe engine iap config ${spoePath(paths)}`,
    ...lookingRules(paths),
    `http-request return status 400 content-type ${PAGE_TYPE} lf-file ${paths.pages}/400.html ${generated} if ${flagged(flags.path)} { path -m reg -i ${quoted(AMBIGUOUS)} }`,
    // Decisions that count for one address or path only have these in their key, one behind the other: no other host may
    // read like this host with an address and the beginning of a path.
    `http-request return status 400 content-type ${PAGE_TYPE} lf-file ${paths.pages}/400.html ${generated} if { var(txn.host) -m reg ${quoted('[^a-z0-9._:\\[\\]-]')} }`,
    `http-request set-var-fmt(txn.iap_extra) '%[var(txn.host)]|%[src]${device}' if ${particular}`,
    `http-request set-var-fmt(txn.iap_extra) '%[var(txn.host)]|%[src]${device}|%[path]' if ${particular} ${flagged(flags.path)}`,
    `http-request set-var(txn.iap_extra) var(txn.iap_extra),sha2(256),ub64enc if ${there('iap_extra')}`,
    `http-request set-var(txn.iap_place) var(txn.iap_place),concat(|,txn.iap_extra) if ${there('iap_extra')}`,
    ...lookUp(paths, there('iap_extra')),
    ...tokenRules,
    ...always,
    ...rememberingRules(where),
    'http-request send-spoe-group iap decide',
    whoRule(there('iap.email'), REASON),
    `http-request set-var-fmt(${WHO}) '${'-'.repeat(DIGEST + SERIAL)}${REASON}' if !${there('iap.email')} ${there('iap.reason')}`,
    // Without an answer nobody passes.
    `http-request return status 503 content-type ${PAGE_TYPE} lf-file ${paths.pages}/503.html ${generated} unless ${there('iap.verdict')}`,
    bodyFirst('!{ var(txn.iap.verdict) -m str allow }'),
    ...signInRules('{ var(txn.iap.verdict) -m str login }'),
    `http-request return status 401 content-type "text/plain; charset=utf-8" lf-string %[var(txn.iap.error)] hdr www-authenticate ${quoted('Bearer error="invalid_token", error_description="%[var(txn.iap.error)]"')} ${generated} if { var(txn.iap.verdict) -m str unauthorized }`,
    `http-request return status 403 content-type ${PAGE_TYPE} lf-string %[var(txn.iap.page)] hdr content-security-policy %[var(txn.iap.policy)] hdr x-content-type-options nosniff hdr referrer-policy no-referrer ${generated} unless { var(txn.iap.verdict) -m str allow }`,
    ...identityRules(),
    ...runningRules(where, [there('iap_lasting'), ...largeRequests()]),
    ...runningResponses(where),
  ];
}

/** Answered before its body is here, HTTP/2 loses the answer: the stream is cancelled, and clients tell of that instead. */
const bodyFirst = (condition = ''): string =>
  `http-request wait-for-body time 500ms if !{ method GET HEAD }${condition === '' ? '' : ` ${condition}`}`;

/**
 * Who has not signed in is sent there when a person sees the page, and is told so otherwise: a program, a script on a page
 * and a form that was sent could do nothing with a page of ours.
 */
function signInRules(condition: string): readonly string[] {
  const generated = `hdr ${GENERATED_HEADER} true hdr x-request-id %[unique-id] hdr cache-control no-store`;
  const when = (more: string) => [condition, more].filter((it) => it !== '').join(' ');
  const elsewhere = '{ req.fhdr(sec-fetch-mode) -m found } !{ req.fhdr(sec-fetch-mode) -m str navigate }';
  const refuse = `http-request return status 401 content-type "text/plain; charset=utf-8" string ${quoted('You are not signed in.')} hdr www-authenticate Bearer ${generated}`;
  return [
    `${refuse} if ${when('!{ method GET HEAD }')}`,
    `${refuse} if ${when('{ req.fhdr(x-requested-with) -m str -i xmlhttprequest }')}`,
    `${refuse} if ${when(elsewhere)}`,
    `${refuse} if ${when('{ req.fhdr(upgrade) -m found }')}`,
    `${refuse} if ${when('{ req.hdr(accept) -m sub text/event-stream }')}`,
    `http-request return status 302 hdr location ${quoted(`${SIGN_IN_PATH}?rd=%[pathq,url_enc]`)} ${generated}${condition === '' ? '' : ` if ${condition}`}`,
  ];
}

/** Further sections: the agent, the pages of the edge service, the table. */
export function decidingSections(input: HaproxyInput, paths: HaproxyPaths): readonly Section[] {
  if (!protectsAny(input) && input.own.length + input.edgeHosts.length === 0) return [];
  const edge = edgePathsOf(input, paths);
  const pages = {
    head: `backend ${PAGES}`,
    lines: [
      'timeout server 1h',
      'timeout tunnel 1h',
      // Pages of ours go by the name that the request was sent to.
      'http-request del-header x-forwarded-host',
      'http-request set-header x-vauban-client-address %[src]',
      'http-request set-header x-vauban-request-id %[unique-id]',
      'http-request set-header x-vauban-service %[var(txn.backend)]',
      `server edge unix@${edge.web}`,
    ],
  };
  if (!protectsAny(input)) return [pages];
  return [
    pages,
    { head: `backend ${ANONYMOUS}`, lines: [bodyFirst(), ...signInRules('')] },
    {
      head: `backend ${AGENT}`,
      // A question that cannot be asked at once is answered by 503, and not held back by another try.
      lines: ['mode tcp', 'timeout connect 1s', 'timeout server 10m', 'retries 0', `server edge unix@${edge.spoe}`],
    },
    {
      head: `backend ${memory(paths).table}`,
      lines: ['stick-table type string len 44 size 1m expire 10m store gpt0'],
    },
    {
      head: `backend ${memory(paths).running}`,
      // What is tracked does not expire; the second is for what has just ended.
      lines: [`stick-table type string len ${RUNNING_LENGTH} size 1m expire 1s store gpt0`],
    },
  ];
}

/** What HAProxy starts with: it remembers nothing, and knows no epoch until the edge service tells it. */
export const memoryFiles = (input: HaproxyInput, paths: HaproxyPaths): ReadonlyMap<string, string> => {
  const { even, odd, people, services } = memory(paths);
  if (!protectsAny(input)) return new Map();
  const names = input.services.filter(isProtected).map((it) => `${it.name} 0\n`);
  return new Map([
    [even, ''],
    [odd, ''],
    [people, ''],
    [services, names.join('')],
  ]);
};

export const askingTwin = askingName;
