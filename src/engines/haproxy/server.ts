import type { BackendService, HaproxyInput, Server } from './input.ts';

/** What a server line says after the name; the runtime interface takes the same words. */
export function serverWords(
  server: Server,
  {
    service,
    source,
    track,
  }: { readonly service: BackendService; readonly source: HaproxyInput['source']; readonly track?: string },
): readonly string[] {
  return [
    `${server.host}:${server.port}`,
    `weight ${server.weight}`,
    ...(server.inside ? [`source ${source}`] : []),
    ...protocolWords(service.protocol),
    ...(track !== undefined ? [`track ${track}`] : checkWords(service)),
    ...(isNamed(server) ? ['resolvers edge resolve-prefer ipv4 init-addr none'] : []),
  ];
}

/** Its address is looked up again and again; the runtime interface cannot add such a one. */
export const isNamed = ({ host }: Pick<Server, 'host'>): boolean => !/^\d+\.\d+\.\d+\.\d+$/.test(host);

/** The cloud does not ask who a server is, either: the network between is its own. */
function protocolWords(protocol: BackendService['protocol']): readonly string[] {
  if (protocol === 'HTTPS') return ['ssl verify none alpn http/1.1'];
  if (protocol === 'HTTP2') return ['ssl verify none alpn h2 proto h2'];
  return protocol === 'H2C' ? ['proto h2'] : [];
}

const checkWords = ({ check }: BackendService): readonly string[] =>
  check === undefined ? [] : [`check inter ${check.interval}s rise ${check.rise} fall ${check.fall}`];
