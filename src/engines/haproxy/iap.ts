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
import { edgePaths, memoryPlaces } from '../edge/paths.ts';
import type { Section } from './backend.ts';
import { spoePath } from './iap-agent.ts';
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

const memory = (paths: HaproxyPaths) => memoryPlaces(paths.maps);
const found = (name: string): string => `{ var(txn.${name}) -m found }`;

/** Whether what was looked up last is there and has not lapsed: an entry begins with ten digits, its end in Unix seconds. */
const FRESH = '{ var(txn.iap_entry),field(1,.),sub(txn.iap_now) gt 0 }';

/** Looks into both maps: one of them may hold a lapsed entry of the same key. */
const lookUp = (key: string, paths: HaproxyPaths, condition = ''): readonly string[] => {
  const { even, odd } = memory(paths);
  const and = condition === '' ? '' : ` if ${condition}`;
  return [
    `http-request set-var(txn.iap_entry) var(${key}),map_str(${even})${and}`,
    `http-request set-var(txn.iap_entry) var(${key}),map_str(${odd}) if ${condition === '' ? '' : `${condition} `}!${FRESH}`,
  ];
};

/** Requests that may outlive a decision, so that the edge service must know of them. */
const lasting = [
  '{ var(txn.upgrade) -m str -i websocket }',
  '{ req.hdr(accept) -m sub text/event-stream }',
  '{ req.hdr(content-type) -m beg application/grpc }',
];

const BEARER = "-m beg -i 'bearer '";

/** Rules of a front end behind those that found the service: `txn.backend` names it. */
export function decidingRules(frontend: Frontend, input: HaproxyInput, paths: HaproxyPaths): readonly string[] {
  if (!protectsAny(input)) return [];
  const { services, table } = memory(paths);
  const token = (header: string, into: string) =>
    `http-request set-var(txn.${into}) req.fhdr(${header}) if !${found('iap_key')} { req.fhdr(${header}) ${BEARER} }`;
  const keyFrom = (name: string) =>
    `http-request set-var(txn.iap_key) var(txn.${name}),sha2(256),ub64enc if !${found('iap_key')} ${found(name)}`;
  return [
    // Absent for services that are not protected.
    `http-request set-var(txn.iap) var(txn.backend),map_str(${services})`,
    ...(frontend.tls === undefined ? [`http-request redirect scheme https code 302 if ${found('iap')}`] : []),
    // Of two cookies one would be judged, and the other passed on.
    `http-request deny status 400 if { req.cook_cnt(${SESSION_COOKIE}) gt 1 }`,
    `http-request set-var(txn.iap_key) req.cook(${SESSION_COOKIE}),sha2(256),ub64enc if ${found('iap')}`,
    token('proxy-authorization', 'iap_proxy_token'),
    keyFrom('iap_proxy_token'),
    token('authorization', 'iap_token'),
    keyFrom('iap_token'),
    // Zero for sessions that are not in the table: no entry has that.
    `http-request set-var(txn.iap_generation) var(txn.iap_key),table_gpt0(${table})`,
    'http-request set-var(txn.iap_place) var(txn.iap_key),concat(|,txn.iap),concat(|,txn.iap_generation)',
    `http-request set-var(txn.iap_now) date if ${found('iap_place')}`,
    ...lookUp('txn.iap_place', paths),
    // What is asked about although it is remembered: what may outlive a decision, and addresses of our own on any path.
    `http-request set-var(txn.iap_special) bool(true) if ${lasting.join(' or ')} or { query -m sub ${MODE_PARAMETER}= } or { path -m beg ${OWN_PATHS} }`,
  ];
}

/** `use_backend` lines that come before the one that all requests take. */
export function decidingChoices(_frontend: Frontend, input: HaproxyInput): readonly string[] {
  if (!protectsAny(input)) return [];
  const nobody = `!${found('iap_key')} !{ var(txn.iap) -m sub ${flags.anybody} }`;
  const modes = ['IDENTITY', 'CLEAR_LOGIN_COOKIE'].map((it) => `${MODE_PARAMETER}=${it}`);
  // The two ways that most requests take come first: each rule costs those that go by it.
  return [
    `use_backend %[var(txn.backend)] if !${found('iap')}`,
    `use_backend %[var(txn.backend)] if ${FRESH} !${found('iap_special')}`,
    `use_backend ${PAGES} if { path -m beg ${OWN_PATHS} }`,
    `use_backend ${PAGES} if { query -m sub ${modes.join(' ')} }`,
    `use_backend ${ANONYMOUS} if ${nobody} !{ method OPTIONS }`,
    `use_backend ${ANONYMOUS} if ${nobody} !{ var(txn.iap) -m sub ${flags.options} }`,
    'use_backend %[var(txn.backend)].ask',
  ];
}

/** Our own cookie is for nobody behind us: who has it could use it. In backends of every service, protected or not. */
export const strippingRules = (input: Pick<HaproxyInput, 'services'>): readonly string[] =>
  protectsAny(input)
    ? [
        `http-request replace-header cookie ${quoted(`^(?:${SESSION_COOKIE}=[^;]*;? ?(.*)|(.*?); ?${SESSION_COOKIE}=[^;]*(.*))$`)} ${quoted('\\1\\2\\3')}`,
      ]
    : [];

/** A token that was for us is for nobody else. */
const tokenRules: readonly string[] = [
  `http-request del-header proxy-authorization if ${found('iap_proxy_token')}`,
  `http-request del-header authorization if ${found('iap_token')}`,
];

const rememberedPerson = (paths: HaproxyPaths, condition = ''): readonly string[] => [
  `http-request set-var(txn.iap_who) var(txn.iap_key),map_str(${memory(paths).people})${condition}`,
  `http-request set-var(txn.user) var(txn.iap_who),field(1,|)${condition}`,
];

/** Rules of a protected service's backend, for requests that were allowed before. */
export const passingRules = (paths: HaproxyPaths): readonly string[] => [
  // Whichever way a request came here: without a decision in hand it goes no further.
  `http-request deny status 503 unless ${FRESH}`,
  ...rememberedPerson(paths),
  `http-request set-header ${EMAIL_HEADER} ${ACCOUNTS}:%[var(txn.user)]`,
  `http-request set-header ${ID_HEADER} ${ACCOUNTS}:%[var(txn.iap_who),field(2,|)]`,
  `http-request set-header ${ASSERTION_HEADER} %[var(txn.iap_entry),bytes(11)]`,
  ...tokenRules,
];

/** Paths that a backend may read in another way than we do; the edge service judges by the same rule. */
const AMBIGUOUS = '[\\\\;]|//|%(?:2e|2f|5c|3b|00|25)|/\\.{1,2}(?:/|$)';

/** Rules and filter of its twin, which asks the edge service about each request. */
export function askingRules(paths: HaproxyPaths): readonly string[] {
  const flagged = (flag: string) => `{ var(txn.iap) -m sub ${flag} }`;
  const particular = `{ var(txn.iap) -m sub ${flags.address} ${flags.path} } !${found('iap_special')}`;
  const remembered = ` if !${found('iap.verdict')} ${found('iap_extra')} ${FRESH}`;
  const generated = `hdr ${GENERATED_HEADER} true hdr x-request-id %[unique-id] hdr cache-control no-store`;
  return [
    `filter spoe engine iap config ${spoePath(paths)}`,
    `http-request set-var(txn.iap_lasting) bool(true) if ${lasting.join(' or ')}`,
    `http-request return status 400 content-type ${PAGE_TYPE} lf-file ${paths.pages}/400.html ${generated} if ${flagged(flags.path)} { path -m reg -i ${quoted(AMBIGUOUS)} }`,
    // Decisions that count for one address or path only have these in their key, one behind the other: no other host may
    // read like this host with an address and the beginning of a path.
    `http-request return status 400 content-type ${PAGE_TYPE} lf-file ${paths.pages}/400.html ${generated} if { var(txn.host) -m reg ${quoted('[^a-z0-9._:\\[\\]-]')} }`,
    `http-request set-var-fmt(txn.iap_extra) '%[var(txn.host)]|%[src]' if ${particular}`,
    `http-request set-var-fmt(txn.iap_extra) '%[var(txn.host)]|%[src]|%[path]' if ${particular} ${flagged(flags.path)}`,
    `http-request set-var(txn.iap_extra) var(txn.iap_extra),sha2(256),ub64enc if ${found('iap_extra')}`,
    `http-request set-var(txn.iap_place) var(txn.iap_place),concat(|,txn.iap_extra) if ${found('iap_extra')}`,
    ...lookUp('txn.iap_place', paths, found('iap_extra')),
    ...rememberedPerson(paths, remembered),
    `http-request set-var(txn.iap.email) var(txn.user)${remembered}`,
    `http-request set-var(txn.iap.subject) var(txn.iap_who),field(2,|)${remembered}`,
    `http-request set-var(txn.iap.assertion) var(txn.iap_entry),bytes(11)${remembered}`,
    `http-request set-var(txn.iap.verdict) str(allow)${remembered}`,
    `http-request send-spoe-group iap decide unless ${found('iap.verdict')}`,
    'http-request set-var(txn.decision) var(txn.iap.reason)',
    `http-request set-var(txn.user) var(txn.iap.email) if ${found('iap.email')}`,
    // Without an answer nobody passes.
    `http-request return status 503 content-type ${PAGE_TYPE} lf-file ${paths.pages}/503.html ${generated} unless ${found('iap.verdict')}`,
    bodyFirst('!{ var(txn.iap.verdict) -m str allow }'),
    ...signInRules('{ var(txn.iap.verdict) -m str login }'),
    `http-request return status 401 content-type "text/plain; charset=utf-8" lf-string %[var(txn.iap.error)] hdr www-authenticate ${quoted('Bearer error="invalid_token", error_description="%[var(txn.iap.error)]"')} ${generated} if { var(txn.iap.verdict) -m str unauthorized }`,
    `http-request return status 403 content-type ${PAGE_TYPE} lf-string %[var(txn.iap.page)] hdr content-security-policy %[var(txn.iap.policy)] hdr x-content-type-options nosniff hdr referrer-policy no-referrer ${generated} unless { var(txn.iap.verdict) -m str allow }`,
    `http-request set-header ${EMAIL_HEADER} ${ACCOUNTS}:%[var(txn.iap.email)] if ${found('iap.email')}`,
    `http-request set-header ${ID_HEADER} ${ACCOUNTS}:%[var(txn.iap.subject)] if ${found('iap.subject')}`,
    `http-request set-header ${ASSERTION_HEADER} %[var(txn.iap.assertion)] if ${found('iap.assertion')}`,
    ...tokenRules,
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
  ];
}

const edgePathsOf = ({ project }: HaproxyInput, { meeting }: HaproxyPaths) =>
  edgePaths({ run: meeting.slice(0, -`/edge/${project}`.length), state: '' }, project);

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
