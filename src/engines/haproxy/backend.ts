import { shortName } from '#lib/hash.ts';
import { HOST_NAME } from './captured.ts';
import { asksClients } from './clients.ts';
import { headerLines } from './headers.ts';
import { healthLines } from './health.ts';
import { askingRules, isProtected, knownRunningRules, knownStrippingRules, strippingRules } from './iap.ts';
import { passingRules } from './iap-connection.ts';
import type { BackendService, Destination, HaproxyInput } from './input.ts';
import { askingName, backendOf, plain, quoted } from './names.ts';
import type { HaproxyPaths } from './paths.ts';
import { serverName, serverWords } from './server.ts';

/** A section: its first line, and the lines in it. */
export interface Section {
  readonly head: string;
  readonly lines: readonly string[];
}

/** A service's own backend; behind the identity-aware proxy also its twin that asks first. */
export function serviceSections(service: BackendService, input: HaproxyInput, paths: HaproxyPaths): readonly Section[] {
  const own = {
    head: `backend ${service.name}`,
    lines: [
      ...balanceLines(service),
      ...timeoutLines(service),
      ...healthLines(service),
      ...UNREACHED,
      ...(isProtected(service)
        ? [...knownStrippingRules, ...passingRules, ...knownRunningRules({ paths, asksClients: asksClients(input) })]
        : strippingRules(input)),
      ...headerLines(service),
      ...service.servers.map((it) => `server ${serverName(it)} ${serverWords(it, { service, from: input }).join(' ')}`),
    ],
  };
  return isProtected(service) ? [own, askingSection(service, input, paths)] : [own];
}

function askingSection(service: BackendService, input: HaproxyInput, paths: HaproxyPaths): Section {
  const servers = service.servers.map((it) => {
    // How well they are is known from the service's own servers.
    const track = service.check === undefined ? {} : { track: `${service.name}/${serverName(it)}` };
    const words = serverWords(it, { service, from: input, ...track });
    return `server ${serverName(it)} ${words.join(' ')}`;
  });
  return {
    head: `backend ${askingName(service.name)}`,
    lines: [
      ...balanceLines(service),
      ...timeoutLines(service),
      ...UNREACHED,
      ...askingRules({ paths, asksClients: asksClients(input) }, [...strippingRules(input), ...headerLines(service)]),
      ...servers,
    ],
  };
}

/**
 * The engine says 503 whether it found no server or could not connect to the one that it chose. The cloud says 502 for the
 * second, and so do we; a server's own 503 stays what it is.
 */
const UNREACHED: readonly string[] = [
  // What a server has answered has been given our `via`; pages of the engine's own have not come by there.
  'http-after-response set-status 502 if { status 503 } { srv_id -m found } !{ res.hdr(via) -m found }',
];

const timeoutLines = (service: BackendService): readonly string[] => [
  `timeout server ${service.timeout}s`,
  `timeout tunnel ${service.tunnelTimeout}s`,
];

const policies = {
  ROUND_ROBIN: 'balance roundrobin',
  LEAST_REQUEST: 'balance leastconn',
  RING_HASH: 'balance source',
  RANDOM: 'balance random(1)',
} as const;

/** Affinity decides as long as the server that it leads to is well; else the policy does. */
function balanceLines(service: BackendService): readonly string[] {
  const { affinity, policy } = service;
  const hashed = (how: string) => [`balance ${how}`, 'hash-type consistent sdbm avalanche'];
  if (affinity.by === 'address' || (affinity.by === 'nothing' && policy === 'RING_HASH')) return hashed('source');
  if (affinity.by === 'header') return hashed(quoted(`hdr(${affinity.name})`));
  if (affinity.by === 'cookie') return [...hashed('hash var(txn.affinity)'), ...cookieLines(affinity)];
  if (affinity.by === 'generated') {
    const age = affinity.ttl === 0 ? '' : ` attr Max-Age=${affinity.ttl}`;
    return [
      policies[policy],
      `cookie GCLB insert indirect nocache httponly dynamic${age}`,
      // It only keeps addresses of hosts out of cookies; nothing is protected by it.
      `dynamic-cookie-key ${shortName(service.id, 20)}`,
    ];
  }
  return [policies[policy]];
}

/** The client's own cookie decides; whoever has none gets one. */
function cookieLines({ name, path, ttl }: Extract<BackendService['affinity'], { by: 'cookie' }>): readonly string[] {
  const age = ttl === 0 ? '' : `; Max-Age=${ttl}`;
  return [
    `http-request set-var(txn.affinity) req.cook(${name})`,
    'acl comes-back var(txn.affinity) -m found',
    'http-request set-var(txn.newcomer) uuid() unless comes-back',
    'http-request set-var(txn.affinity) var(txn.newcomer) unless comes-back',
    `http-response add-header Set-Cookie ${quoted(`${name}=%[var(txn.newcomer)]; Path=${plain(path)}${age}; HttpOnly`)} if { var(txn.newcomer) -m found }`,
  ];
}

/** Redirects are backends without servers, so that a request that is none pays nothing for them. */
export function redirectSections(input: HaproxyInput): readonly Section[] {
  const all = input.routes.flatMap((route) => [
    route.otherwise,
    ...route.matchers.flatMap((it) => [it.otherwise, ...it.paths.map((path) => path.to)]),
  ]);
  const found = new Map(all.flatMap((it) => ('redirect' in it ? [[backendOf(it), it.redirect] as const] : [])));
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, redirect]) => ({ head: `backend ${name}`, lines: redirectLines(redirect) }));
}

type Redirect = Extract<Destination, { redirect: unknown }>['redirect'];

function redirectLines(it: Redirect): readonly string[] {
  const scheme = it.https ? 'https' : '%[ssl_fc,iif(https,http)]';
  // A redirect to https leaves the port behind: it is the other front end's.
  const host = it.host ?? `%[${it.https ? HOST_NAME : 'req.hdr(host)'}]`;
  const path =
    it.path !== undefined
      ? plain(it.path)
      : it.prefix !== undefined
        ? `${plain(it.prefix)}%[path,bytes(${(it.matched ?? '').length})]`
        : '%[path]';
  const to = (end: string) =>
    `http-request redirect location ${quoted(`${scheme}://${host}${path}${end}`)} code ${it.code}`;
  return it.stripQuery ? [to('')] : [`${to('?%[query]')} if { query -m len gt 0 }`, to('')];
}
