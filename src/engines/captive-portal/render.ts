import { portalSocket } from '../edge/paths.ts';
import type { CaptivePortalInput } from './input.ts';
import type { CaptivePortalPaths } from './paths.ts';

/** `https://HOST[:PORT]`, as clients write it. */
export const originOf = ({ port }: Pick<CaptivePortalInput, 'port'>, host: string): string =>
  `https://${hostWith(port, host)}`;

const hostWith = (port: number, host: string): string => (port === 443 ? host : `${host}:${port}`);

/**
 * haproxy.cfg of one captive portal: HTTP of who has not signed in is sent to the pages, and the pages are those of the edge
 * service, which believes this proxy alone about the client's address.
 */
export function renderConfig(
  input: CaptivePortalInput,
  { run, paths }: { readonly run: string; readonly paths: Pick<CaptivePortalPaths, 'certificate'> },
): string {
  const hosts = [...new Set(input.places.map((it) => hostWith(input.port, it.host)))];
  const sections = [
    ['global', 'log stdout format raw daemon notice', 'maxconn 2000', 'ssl-default-bind-options ssl-min-ver TLSv1.2'],
    [
      'defaults',
      'mode http',
      'log global',
      'option dontlognull',
      'timeout connect 5s',
      'timeout http-request 10s',
      'timeout http-keep-alive 10s',
      'timeout client 30s',
      'timeout server 30s',
    ],
    ['frontend diverted', `bind 127.0.0.1:${input.divertPort} transparent`, ...toPages(input, '')],
    [
      'frontend pages',
      `bind 0.0.0.0:${input.port} ssl crt ${paths.certificate}`,
      // The end of a sign-in ends connections of its address: none may wait to be used again.
      'option httpclose',
      // A name that leads here without being ours could be another site's.
      `acl is_ours req.hdr(host) -m str -i ${hosts.join(' ')}`,
      ...toPages(input, ' !is_ours'),
      `http-request set-header x-vauban-portal ${input.portal}`,
      'http-request set-header x-vauban-client-address %[src]',
      'http-request del-header x-vauban-service',
      'default_backend edge',
    ],
    ['backend edge', `server edge unix@${portalSocket(run, input.project)}`],
  ];
  return sections.map(([head, ...lines]) => `${head}\n${lines.map((it) => `  ${it}\n`).join('')}`).join('\n');
}

/** To the address of the pages on the network that the client is on. */
function toPages(input: CaptivePortalInput, when: string): readonly string[] {
  const answer = (host: string): string =>
    `http-request return status 302 hdr location ${originOf(input, host)}/ hdr cache-control no-store`;
  const [first] = input.places;
  const others = input.places.slice(1);
  return [
    ...others.flatMap(({ networks, host }) =>
      networks.length === 0 ? [] : [`${answer(host)} if { src ${networks.join(' ')} }${when}`],
    ),
    ...(first === undefined ? [] : [`${answer(first.host)}${when === '' ? '' : ` if${when}`}`]),
  ];
}
