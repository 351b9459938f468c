import { isIPv4 } from 'node:net';
import { accessLogFormat, clientRules, ownQueryRule, queryRule } from './access-log.ts';
import type { Section } from './backend.ts';
import { captured, HOST_NAME, tracedAt, upgradedTo, WEBSOCKET } from './captured.ts';
import { askingWords, shownDeviceRules } from './clients.ts';
import { decidingChoices, decidingRules, passedBy, protectsAny, recognizingRules } from './iap.ts';
import type { Frontend, HaproxyInput } from './input.ts';
import { judgesNames, nameMaps, routeMaps } from './maps.ts';
import { frontendName, NOT_FOUND, quoted } from './names.ts';
import { PAGE_TYPE } from './pages.ts';
import type { HaproxyPaths } from './paths.ts';

/** The engine adds it in the end, which costs less than to write it into a header by a rule. */
const REQUEST_ID = 'x-request-id';
const FORWARDED_PROTOCOL = 'x-forwarded-proto';
const FORWARDED_FOR = 'x-forwarded-for';
/** What came there, with a comma behind it. */
const FORWARDED = 'txn.forwarded';

/** One address and port: what comes in is cleaned, sent to the place that the route map names, and logged. */
export function frontendSection(frontend: Frontend, input: HaproxyInput, paths: HaproxyPaths): Section {
  const always = alwaysThere(frontend, input, paths);
  const service = always ?? `var(${SERVICE})`;
  return {
    head: `frontend ${frontendName(frontend)}`,
    lines: [
      bindLine(frontend, paths),
      `log-format ${quoted(accessLogFormat(hasSecrets(input) ? 'no sign-ins' : 'everything', sourceOfAll(input)))}`,
      ...requestIdLines,
      ...clientRules(frontendName(frontend), frontend.tls !== undefined),
      `tcp-request session set-var-fmt(sess.forwarded) '%[var(sess.client)],${frontend.address}'`,
      `unique-id-header ${REQUEST_ID}`,
      ...shownRules(frontend, paths),
      ...shownDeviceRules(frontend),
      ...captured.map((it) => `capture request header ${it.header} len ${it.length}`),
      ...cleaningRules,
      ...(hostFirst(frontend, input) ? [hostRule] : []),
      ...nameRules(frontend, paths),
      ...(always === undefined ? routeRules(frontend, input, paths) : []),
      ...(hasSecrets(input) ? [queryRule] : []),
      // Before headers are added, among which others would have to be looked for.
      ...recognizingRules(frontend, { input, paths, service }),
      ...forwardingRules(frontend),
      ...passedBy(frontend, input),
      // Whoever goes by what a connection keeps does not need it; most of the others do.
      ...(hasSecrets(input) && !hostFirst(frontend, input) ? [hostRule] : []),
      ...(hasSecrets(input) ? [ownQueryRule(input.edgeHosts)] : []),
      ...(always !== undefined && hasSecrets(input) ? [`http-request set-var(${SERVICE}) ${always}`] : []),
      ...decidingRules(frontend, input, paths),
      ...decidingChoices(frontend, input, service),
      `use_backend %[${service}]${always === undefined ? ` if { ${service} -m found }` : ''}`,
      `default_backend ${NOT_FOUND}`,
    ],
  };
}

/** Where the rules of a front end leave the name of the service that a request goes to. */
const SERVICE = 'txn.backend';

/**
 * Of a route map that sends everything to one service: what tells which. To ask twice costs less than to write it down once.
 */
function alwaysThere(frontend: Frontend, input: HaproxyInput, { maps }: HaproxyPaths): string | undefined {
  const { names, endings, paths } = routesHave(frontend, input);
  return names || endings || paths ? undefined : `str(*),map_str(${maps}/${routeMaps(frontend.routes).hosts})`;
}

/** Whether addresses of our own are among those that are asked for; what they ask for is not told. */
const hasSecrets = (input: HaproxyInput): boolean => protectsAny(input) || input.edgeHosts.length > 0;

/** A server outside sees another address; the first such server is a reload anyway. */
const sourceOfAll = ({ services, source }: HaproxyInput): string | undefined =>
  services.every((it) => it.servers.every((server) => server.inside && isIPv4(server.host))) ? source : undefined;

/**
 * 32 digits, as a trace id has: eleven by chance for the connection, thirteen of milliseconds (of which requests of one
 * connection may share one), and eight by chance for the request. It names a request and is no secret. Digits that are decimal
 * from the start need not be made lower.
 */
export const requestIdLines: readonly string[] = [
  'unique-id-format %[var(sess.seed)]%Ts%ms%[rand(90000000),add(10000000)]',
  "tcp-request session set-var-fmt(sess.seed) '%[rand,hex,bytes(8,8),lower]%[rand(900),add(100)]'",
];

export const certificateList = ({ name }: Pick<Frontend, 'name'>, paths: HaproxyPaths): string =>
  `${paths.certificates}/${name}.list`;

function bindLine(frontend: Frontend, paths: HaproxyPaths): string {
  const { address, port, tls } = frontend;
  const secure =
    tls === undefined
      ? ''
      : ` ssl crt-list ${certificateList(frontend, paths)} alpn h2,http/1.1 ssl-min-ver ${tls.minVersion}${askingWords(frontend, paths)}`;
  return `bind ${address}:${port}${secure}`;
}

/** What no client has a say in. They run before anything else looks at the request. */
export const cleaningRules: readonly string[] = [
  // Many applications take `_` for `-`, so that a name with one could stand for a header of ours. Some servers take any sign
  // for `-`: lighttpd for CGI, PHP a dot. Names are all looked at in one go, and one by one only where there is a reason.
  // What we add later to what is then certainly not there need not be looked for once more. Of several lines of addresses the
  // last one counts; one line is what applications read.
  `http-request set-var-fmt(${FORWARDED}) '%[req.fhdr(${FORWARDED_FOR})],' if { req.hdr_names -m sub _ goog x- }`,
  `http-request del-header _|^x[^a-z0-9]goog[^a-z0-9]|^(?:${REQUEST_ID}|${FORWARDED_PROTOCOL}|${FORWARDED_FOR})$ -m reg if { var(${FORWARDED}) -m found }`,
  // Both end in a connection on which nobody decides about anything any more, or in one's own request sent back.
  'http-request deny status 405 if { method CONNECT TRACE }',
  // So does an upgrade to anything but WebSocket alone: HTTP/2 without TLS is another way to send requests.
  `acl other-upgrade ${upgradedTo} -m reg -i '^(?!websocket$)'`,
  'acl other-upgrade req.hdr_cnt(upgrade) gt 1',
  `http-request del-header upgrade if { ${upgradedTo} -m found } other-upgrade`,
  // Names headers that the next server would have to take out: those that we set among them.
  'http-request del-header connection',
  `http-request set-header connection upgrade if ${WEBSOCKET} { req.hdr(upgrade) -m found }`,
];

/** Leaves in a variable which certificate a name gets. Of what is not there nothing comes, which is cheaper than to ask. */
const certificateRules = (set: string, name: string, { maps }: HaproxyPaths, { name: front }: Frontend) => {
  const { exact, below } = nameMaps(front);
  return [
    `${set} ${name},field(2,.,0),map_str(${maps}/${below},-)`,
    // Sets nothing where the map has nothing.
    `${set} ${name},map_str(${maps}/${exact})`,
  ];
};

/** Once for each connection: the name that it was opened for, and the certificate that was shown for it. */
function shownRules(frontend: Frontend, paths: HaproxyPaths): readonly string[] {
  if (!judgesNames(frontend)) return [];
  const set = (name: string) => `tcp-request session set-var(${name})`;
  return [
    `${set('sess.sni')} ssl_fc_sni,lower`,
    ...certificateRules(set('sess.shown'), 'var(sess.sni)', paths, frontend),
  ];
}

/** A connection whose certificate is not the host's was opened for somebody else (RFC 9110, 7.4). */
function nameRules(frontend: Frontend, paths: HaproxyPaths): readonly string[] {
  if (!judgesNames(frontend)) return [];
  return [
    'http-request set-var(txn.elsewhere) var(txn.host) if !{ var(txn.host),strcmp(sess.sni) eq 0 }',
    ...certificateRules('http-request set-var(txn.needed)', 'var(txn.elsewhere)', paths, frontend),
    `http-request return status 421 content-type ${PAGE_TYPE} lf-file ${paths.pages}/421.html if { var(txn.needed) -m found } { var(sess.sni) -m found } !{ var(txn.needed),strcmp(sess.shown) eq 0 }`,
  ];
}

function routesHave({ routes: name }: Frontend, { routes, edgeHosts }: HaproxyInput) {
  const route = routes.find((it) => it.name === name);
  return {
    names: edgeHosts.length > 0 || route?.hosts.some((it) => !it.host.startsWith('*')) === true,
    endings: route?.hosts.some((it) => it.host.length > 1 && it.host.startsWith('*')) === true,
    paths: route?.matchers.some((it) => it.paths.length > 0) === true,
  };
}

const hostRule = `http-request set-var(txn.host) ${HOST_NAME}`;

/** Whether the host is looked at more than once on the way: to find it anew costs less than to write it down once. */
const hostFirst = (frontend: Frontend, input: HaproxyInput): boolean =>
  judgesNames(frontend) || routesHave(frontend, input).endings;

/**
 * Leaves in `txn.backend` where the request goes. What a route map does not have at all (names, endings, paths) is not asked
 * for; the first of a sort is therefore a reload, and all further ones are not.
 */
function routeRules(frontend: Frontend, input: HaproxyInput, paths: HaproxyPaths): readonly string[] {
  const names = routeMaps(frontend.routes);
  const file = (name: string) => `${paths.maps}/${name}`;
  const has = routesHave(frontend, input);
  const unknown = '!{ var(txn.backend) -m found }';
  const host = hostFirst(frontend, input) ? 'var(txn.host)' : HOST_NAME;
  return [
    ...(has.names ? [`http-request set-var(txn.backend) ${host},map_str(${file(names.hosts)})`] : []),
    ...(has.endings ? [`http-request set-var(txn.backend) ${host},map_end(${file(names.endings)}) if ${unknown}`] : []),
    `http-request set-var(txn.backend) str(*),map_str(${file(names.hosts)})${has.names || has.endings ? ` if ${unknown}` : ''}`,
    ...(has.paths ? pathRules(file(names.paths), file(names.prefixes)) : []),
  ];
}

function pathRules(exact: string, prefixes: string): readonly string[] {
  const looksAtPath = '{ var(txn.backend) -m beg / }';
  return [
    `http-request set-var(txn.path) path if ${looksAtPath}`,
    `http-request set-var(txn.place) var(txn.backend),concat(,txn.path) if ${looksAtPath}`,
    `http-request set-var(txn.backend) var(txn.place),map_str(${exact}) if ${looksAtPath}`,
    `http-request set-var(txn.backend) var(txn.place),map_beg(${prefixes}) if ${looksAtPath}`,
  ];
}

/** As the cloud does it: addresses of client and load balancer are appended, whatever came is kept before them. */
function forwardingRules(frontend: Frontend): readonly string[] {
  return [
    `http-request add-header ${FORWARDED_FOR} '%[var(${FORWARDED}),ltrim(",")]%[var(sess.forwarded)]'`,
    `http-request add-header ${FORWARDED_PROTOCOL} ${frontend.tls === undefined ? 'http' : 'https'}`,
    "http-request add-header via '1.1 vauban'",
    // Other than %[unique-id], %ID is not encoded letter by letter, but has to be there: who asks for it makes it.
    `http-request add-header x-cloud-trace-context '%ID/1;o=0' if !{ ${tracedAt} -m found } { unique-id -m found }`,
    "http-response add-header via '1.1 vauban'",
  ];
}
