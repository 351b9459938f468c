import type { SquidInput } from './input.ts';
import type { SquidPaths } from './paths.ts';

export interface Around {
  /** Words that start the decision program. */
  readonly program: readonly string[];
  /** User that squid becomes. */
  readonly user: string;
}

/** Name of the page for what is stopped. */
export const BLOCKED = 'ERR_URL_FILTER';

/** One JSON object for each end of a request or connection; texts are percent-encoded, so that nothing can break out. */
const fields: readonly (readonly [name: string, code: string, number?: true])[] = [
  ['end', '%ts%03tu', true],
  ['active', '%tr', true],
  ['client', '%>a'],
  ['clientPort', '%>p', true],
  ['destination', '%>la'],
  ['port', '%>lp', true],
  ['method', '%#rm'],
  ['url', '%#ru'],
  ['serverName', '%#ssl::>sni'],
  ['status', '%>Hs', true],
  ['outcome', '%Ss'],
  ['received', '%>st', true],
  ['sent', '%<st', true],
  ['server', '%<a'],
  ['agent', '%#{User-Agent}>h'],
  ...['ref', 'verdict', 'cause', 'profile', 'rule', 'category', 'filter', 'host'].map(
    (it) => [it, `%#note{${it}}`] as const,
  ),
];

const lineFormat = `{${fields.map(([name, code, number]) => `"${name}":${number === true ? code : `"${code}"`}`).join(',')}}`;

/** squid.conf. Policy is not in here: only another set of ports makes squid read it anew. */
export function renderConfig(input: SquidInput, paths: SquidPaths, { program, user }: Around): string {
  const ports = input.listeners.flatMap(({ http, https }) => [
    `http_port 127.0.0.1:${http} tproxy name=http.${http}`,
    `https_port 127.0.0.1:${https} tproxy name=https.${https} ssl-bump generate-host-certificates=off tls-cert=${paths.certificate}`,
  ]);
  const names = (of: 'http' | 'https') => input.listeners.map((it) => `${of}.${it[of]}`);
  return [
    '# Squid wants a port that nothing is diverted to.',
    `http_port 127.0.0.1:${input.control}`,
    ...ports,
    `cache_effective_user ${user}`,
    // A stale one would keep it from starting after it was killed.
    'pid_filename none',
    'visible_hostname gateway',
    `coredump_dir ${paths.own}`,
    'netdb_filename none',
    'pinger_enable off',
    'cache deny all',
    'cache_mem 0 MB',
    'memory_pools off',
    'max_filedescriptors 16384',
    'shutdown_lifetime 1 seconds',
    `dns_nameservers ${input.resolver}`,
    'hosts_file none',
    '',
    '# Neither side sees that somebody is in between.',
    'via off',
    'forwarded_for transparent',
    'httpd_suppress_version_string on',
    ...['X-Cache', 'X-Cache-Lookup', 'X-Squid-Error'].map((it) => `reply_header_access ${it} deny all`),
    'http_upgrade_request_protocols OTHER allow all',
    '',
    '# A name must lead to the address that the client connects to.',
    `host_verify_strict ${input.hostCheck ? 'on' : 'off'}`,
    '',
    `external_acl_type decide ttl=0 negative_ttl=0 grace=0 cache=0 concurrency=4096 queue-size=16384 children-max=1 children-startup=1 ipv4 %>a %lp %>la %METHOD %>rd %ssl::>sni ${program.join(' ')}`,
    'acl judged external decide',
    ...names('http').map((it) => `acl web myportname ${it}`),
    ...names('https').map((it) => `acl tls myportname ${it}`),
    'acl before_name at_step SslBump1',
    'acl plain proto HTTP',
    'http_access deny manager',
    'http_access deny web CONNECT',
    'http_access deny web !plain',
    '# The name is not read yet; the connection is asked about once it is.',
    'http_access allow tls CONNECT before_name',
    'http_access deny web !judged',
    'http_access allow web',
    'http_access deny tls !judged',
    'http_access allow tls',
    'http_access deny all',
    'ssl_bump peek before_name',
    'ssl_bump splice all',
    `error_directory ${paths.pages}`,
    `deny_info 403:${BLOCKED} judged`,
    '',
    `logformat vauban ${lineFormat}`,
    'access_log stdio:/dev/stdout vauban',
    'cache_log /dev/stderr',
    'logfile_rotate 0',
    '',
  ].join('\n');
}

/** Templates that squid reads when it starts, by name. The page of the filter comes whole from the decision program. */
export const pageFiles = (): ReadonlyMap<string, string> =>
  new Map([[BLOCKED, '%O'], ...templates.map((it) => [it, plainPage] as const)]);

const plainPage =
  '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The site cannot be reached</title><link rel="icon" href="data:,"></head><body><h1>The site cannot be reached</h1><p>Between you and <strong>%H</strong> something went wrong: %c %E</p></body></html>';

const templates = [
  ...['ERR_ACCESS_DENIED', 'ERR_CANNOT_FORWARD', 'ERR_CLIENT_GONE', 'ERR_CONFLICT_HOST', 'ERR_CONNECT_FAIL'],
  ...['ERR_DNS_FAIL', 'ERR_FORWARDING_DENIED', 'ERR_GATEWAY_FAILURE', 'ERR_INVALID_REQ', 'ERR_INVALID_RESP'],
  ...['ERR_INVALID_URL', 'ERR_LIFETIME_EXP', 'ERR_ONLY_IF_CACHED_MISS', 'ERR_PRECONDITION_FAILED'],
  ...['ERR_PROTOCOL_UNKNOWN', 'ERR_READ_ERROR', 'ERR_READ_TIMEOUT', 'ERR_SECURE_ACCEPT_FAIL'],
  ...['ERR_SECURE_CONNECT_FAIL', 'ERR_SHUTTING_DOWN', 'ERR_SOCKET_FAILURE', 'ERR_TOO_BIG', 'ERR_UNSUP_HTTPVERSION'],
  ...['ERR_UNSUP_REQ', 'ERR_WRITE_ERROR', 'ERR_ZERO_SIZE_OBJECT', 'ERR_CACHE_ACCESS_DENIED'],
  ...['ERR_CACHE_MGR_ACCESS_DENIED', 'ERR_URN_RESOLVE', 'ERR_ICAP_FAILURE', 'ERR_ESI', 'ERR_AGENT_CONFIGURE'],
  ...['ERR_AGENT_WPAD', 'ERR_DIR_LISTING', 'ERR_FTP_DISABLED', 'ERR_FTP_FAILURE', 'ERR_FTP_FORBIDDEN'],
  ...['ERR_FTP_NOT_FOUND', 'ERR_FTP_PUT_CREATED', 'ERR_FTP_PUT_ERROR', 'ERR_FTP_PUT_MODIFIED', 'ERR_FTP_UNAVAILABLE'],
];
