import { accessLogFormat, captured, clientRule, queryRule } from './access-log.ts';
import type { Section } from './backend.ts';
import { decidingChoices, decidingRules, protectsAny } from './iap.ts';
import type { Frontend, HaproxyInput } from './input.ts';
import { judgesNames, nameMaps, routeMaps } from './maps.ts';
import { frontendName, NOT_FOUND, quoted } from './names.ts';
import { PAGE_TYPE } from './pages.ts';
import type { HaproxyPaths } from './paths.ts';

/** One address and port: what comes in is cleaned, sent to the place that the route map names, and logged. */
export function frontendSection(frontend: Frontend, input: HaproxyInput, paths: HaproxyPaths): Section {
  return {
    head: `frontend ${frontendName(frontend)}`,
    lines: [
      bindLine(frontend, paths),
      `log-format ${quoted(accessLogFormat(protectsAny(input) ? 'no sign-ins' : 'everything', sourceOfAll(input)))}`,
      REQUEST_ID,
      clientRule,
      ...(judgesNames(frontend) ? ['tcp-request session set-var(sess.sni) ssl_fc_sni,lower'] : []),
      ...captured.map((it) => `capture request header ${it.header} len ${it.length}`),
      ...(protectsAny(input) ? [queryRule] : []),
      ...cleaningRules,
      ...nameRules(frontend, paths),
      ...routeRules(frontend, input, paths),
      ...forwardingRules(frontend),
      ...decidingRules(frontend, input, paths),
      ...decidingChoices(frontend, input),
      'use_backend %[var(txn.backend)] if { var(txn.backend) -m found }',
      `default_backend ${NOT_FOUND}`,
    ],
  };
}

/** A server outside sees another address; the first such server is a reload anyway. */
const sourceOfAll = ({ services, source }: HaproxyInput): string | undefined =>
  services.every((it) => it.servers.every((server) => server.inside)) ? source : undefined;

/** Microseconds and a random number: 32 digits, as a trace id has. It names a request and is no secret. */
export const REQUEST_ID = 'unique-id-format %[date(0,us),hex,lower]%[rand,xxh64,hex,lower]';

export const certificateList = ({ name }: Pick<Frontend, 'name'>, paths: HaproxyPaths): string =>
  `${paths.certificates}/${name}.list`;

function bindLine(frontend: Frontend, paths: HaproxyPaths): string {
  const { address, port, tls } = frontend;
  const secure =
    tls === undefined
      ? ''
      : ` ssl crt-list ${certificateList(frontend, paths)} alpn h2,http/1.1 ssl-min-ver ${tls.minVersion}`;
  return `bind ${address}:${port}${secure}`;
}

/** Left by what cleans a request, so that the header need not be looked for again. */
const WEBSOCKET = '{ var(txn.upgrade) -m str -i websocket }';

/** What no client has a say in. They run before anything else looks at the request. */
export const cleaningRules: readonly string[] = [
  // Many applications take `_` for `-`, so that a name with one could stand for a header of ours.
  'http-request del-header _ -m sub',
  // Some servers take any sign for `-`: lighttpd for CGI, PHP a dot.
  'http-request del-header ^x[^a-z0-9]goog[^a-z0-9] -m reg',
  // Both end in a connection on which nobody decides about anything any more, or in one's own request sent back.
  'http-request deny status 405 if { method CONNECT TRACE }',
  // So does an upgrade to anything but WebSocket alone: HTTP/2 without TLS is another way to send requests.
  'http-request set-var(txn.upgrade) req.hdr(upgrade)',
  'http-request del-header upgrade',
  // Names headers that the next server would have to take out: those that we set among them.
  'http-request del-header connection',
  `http-request set-header upgrade websocket if ${WEBSOCKET}`,
  `http-request set-header connection upgrade if ${WEBSOCKET}`,
];

/** A connection whose certificate is not the host's was opened for somebody else (RFC 9110, 7.4). */
function nameRules(frontend: Frontend, paths: HaproxyPaths): readonly string[] {
  if (!judgesNames(frontend)) return [];
  const { exact, below } = nameMaps(frontend.name);
  const elsewhere = '!{ var(txn.host),strcmp(sess.sni) eq 0 }';
  const look = (into: string, name: string) => [
    `http-request set-var(${into}) ${name},map_str(${paths.maps}/${exact}) if { var(sess.sni) -m found } ${elsewhere}`,
    `http-request set-var(${into}) ${name},field(2,.,0),map_str(${paths.maps}/${below},-) if { var(sess.sni) -m found } ${elsewhere} !{ var(${into}) -m found }`,
  ];
  return [
    'http-request set-var(txn.host) req.hdr(host),host_only,lower',
    ...look('txn.shown', 'var(sess.sni)'),
    ...look('txn.needed', 'var(txn.host)'),
    `http-request return status 421 content-type ${PAGE_TYPE} lf-file ${paths.pages}/421.html if { var(txn.needed) -m found } !{ var(txn.needed),strcmp(txn.shown) eq 0 }`,
  ];
}

/**
 * Leaves in `txn.backend` where the request goes. What a route map does not have at all (names, endings, paths) is not asked
 * for; the first of a sort is therefore a reload, and all further ones are not.
 */
function routeRules(frontend: Frontend, { routes, edgeHosts }: HaproxyInput, paths: HaproxyPaths): readonly string[] {
  const names = routeMaps(frontend.routes);
  const file = (name: string) => `${paths.maps}/${name}`;
  const route = routes.find((it) => it.name === frontend.routes);
  const has = {
    names: edgeHosts.length > 0 || route?.hosts.some((it) => !it.host.startsWith('*')) === true,
    endings: route?.hosts.some((it) => it.host.length > 1 && it.host.startsWith('*')) === true,
    paths: route?.matchers.some((it) => it.paths.length > 0) === true,
  };
  const unknown = '!{ var(txn.backend) -m found }';
  return [
    ...(judgesNames(frontend) ? [] : ['http-request set-var(txn.host) req.hdr(host),host_only,lower']),
    ...(has.names ? [`http-request set-var(txn.backend) var(txn.host),map_str(${file(names.hosts)})`] : []),
    ...(has.endings
      ? [`http-request set-var(txn.backend) var(txn.host),map_end(${file(names.endings)}) if ${unknown}`]
      : []),
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
    'http-request set-header x-request-id %[unique-id]',
    // Of several such lines the last one counts; one line is what applications read.
    `http-request set-header x-forwarded-for '%[req.fhdr(x-forwarded-for),concat(",")]%[var(sess.client)],${frontend.address}'`,
    `http-request set-header x-forwarded-proto ${frontend.tls === undefined ? 'http' : 'https'}`,
    "http-request add-header via '1.1 vauban'",
    'http-request set-var(txn.trace) req.hdr(x-cloud-trace-context),bytes(0,80)',
    // Other than %[unique-id] it is not encoded letter by letter, but has to be there.
    `http-request set-header x-cloud-trace-context '%ID/1;o=0' unless { var(txn.trace) -m found }`,
    "http-response add-header via '1.1 vauban'",
  ];
}
