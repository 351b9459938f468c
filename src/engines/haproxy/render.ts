import { LINE_LENGTH } from './access-log.ts';
import { redirectSections, type Section, serviceSections } from './backend.ts';
import { sessionLines } from './clients.ts';
import { frontendSection } from './frontend.ts';
import { decidingSections } from './iap.ts';
import type { HaproxyInput, Server } from './input.ts';
import { NOT_FOUND } from './names.ts';
import { ownSections } from './own.ts';
import { engineStatuses, PAGE_TYPE } from './pages.ts';
import type { HaproxyPaths } from './paths.ts';
import { isNamed } from './server.ts';

/** haproxy.cfg. Equal inputs give equal bytes. Maps, certificates and pages are files beside it. */
export const renderConfig = (input: HaproxyInput, paths: HaproxyPaths): string =>
  sectionsOf(input, paths)
    .map(({ head, lines }) => `${head}\n${lines.map((it) => `  ${it}\n`).join('')}`)
    .join('\n');

/**
 * The part of the configuration that only a new process takes up: everything but the servers, which the runtime interface
 * can add, change and remove one by one.
 */
export const renderFrame = (input: HaproxyInput, paths: HaproxyPaths): string =>
  [
    renderConfig({ ...input, services: input.services.map((it) => ({ ...it, servers: framed(it.servers) })) }, paths),
    // The first certificate of a list is the one for clients that name no host; that place cannot be given to another.
    ...input.frontends.map((it) => `${it.name} ${it.tls?.certificates[0] ?? ''}`),
  ].join('\n');

/** One stands for all inside, whose words differ in address, port and weight only. */
const framed = (servers: readonly Server[]): Server[] => [
  ...servers.filter((it) => isNamed(it) || !it.inside),
  { name: 'inside', host: '192.0.2.1', port: 1, weight: 1, inside: true },
];

const sectionsOf = (input: HaproxyInput, paths: HaproxyPaths): readonly Section[] => [
  globalSection(input, paths),
  defaultsSection(paths),
  resolverSection(input),
  ...input.frontends.map((it) => frontendSection(it, input, paths)),
  ...ownSections(input, paths),
  ...input.services.flatMap((it) => serviceSections(it, input, paths)),
  ...redirectSections(input),
  notFoundSection(paths),
  ...decidingSections(input, paths),
];

const globalSection = (input: HaproxyInput, paths: HaproxyPaths): Section => ({
  head: 'global',
  lines: [
    `log stdout len ${LINE_LENGTH} format raw daemon info`,
    `stats socket ${paths.runtime} mode 660 level admin expose-fd listeners`,
    'stats timeout 2m',
    `server-state-file ${paths.states}`,
    // How many connections there may be follows from the files that the machine allows, up to this.
    'fd-hard-limit 100000',
    // A worker that was replaced finishes what it has, but not for ever.
    'hard-stop-after 30m',
    'tune.http.logurilen 2048',
    // It costs more than it saves with patterns as few as ours, and would find what was looked for by a hash of it alone.
    'tune.pattern.cache-size 0',
    'tune.ssl.default-dh-param 2048',
    ...sessionLines(input),
    'ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384',
    // As the cloud does: the shorter key first, which costs a third less and is no less out of reach.
    'ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
    'ssl-default-bind-curves X25519:P-256:P-384',
    'ssl-server-verify none',
  ],
});

const defaultsSection = (paths: HaproxyPaths): Section => ({
  head: 'defaults',
  lines: [
    'mode http',
    'log global',
    'option dontlognull',
    // Without it a client could send into a connection that a reload is just closing.
    'option idle-close-on-response',
    'option redispatch 1',
    'retries 2',
    'load-server-state-from-file global',
    'timeout connect 5s',
    'timeout queue 10s',
    'timeout http-request 20s',
    'timeout http-keep-alive 610s',
    'timeout client 60s',
    'timeout client-fin 10s',
    'timeout server 30s',
    ...engineStatuses.map(
      (it) =>
        `http-error status ${it} content-type ${PAGE_TYPE} lf-file ${paths.pages}/${it}.html hdr x-request-id %[unique-id]`,
    ),
  ],
});

const resolverSection = ({ resolver }: HaproxyInput): Section => ({
  head: 'resolvers edge',
  lines: [`nameserver outside ${resolver}:53`, 'accepted_payload_size 4096', 'hold valid 10s', 'resolve_retries 3'],
});

const notFoundSection = (paths: HaproxyPaths): Section => ({
  head: `backend ${NOT_FOUND}`,
  lines: [
    `http-request return status 404 content-type ${PAGE_TYPE} lf-file ${paths.pages}/404.html hdr x-request-id %[unique-id]`,
  ],
});
