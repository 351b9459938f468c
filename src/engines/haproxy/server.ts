import type { BackendService, HaproxyInput, Server } from './input.ts';

/**
 * What the engine calls a server: its name in the service with where it is, so that a line of the log tells both for the price of
 * one. Names of ours have no `_`. One that is somewhere else by now is another server.
 */
export const serverName = (it: Pick<Server, 'name' | 'host' | 'port'>): string =>
  isNamed(it) ? it.name : `${it.name}_${it.host}_${it.port}`;

/** What a name of {@link serverName} says. Total. */
export function serverNamed(text: string): { readonly name: string; readonly host?: string; readonly port?: string } {
  const [, name, host, port] = /^(.*)_([\d.]+)_(\d+)$/.exec(text) ?? [];
  return name === undefined || host === undefined || port === undefined ? { name: text } : { name, host, port };
}

/** What a server line says after the name; the runtime interface takes the same words. */
export function serverWords(
  server: Server,
  {
    service,
    from,
    track,
  }: {
    readonly service: BackendService;
    readonly from: Pick<HaproxyInput, 'source' | 'outside'>;
    readonly track?: string;
  },
): readonly string[] {
  return [
    `${server.host}:${server.port}`,
    `weight ${server.weight}`,
    ...sourceWords(server, from),
    ...protocolWords(service.protocol),
    ...(track !== undefined ? [`track ${track}`] : checkWords(service)),
    // Over a connection that is kept, requests would go to the former address for as long as there are any.
    ...(isNamed(server) ? ['resolvers edge resolve-prefer ipv4 init-addr none pool-max-conn 0'] : []),
  ];
}

/**
 * A name may lead anywhere, also to ourselves, to a host behind us or to a metadata server; whoever serves it decides. Bound
 * to the way outside, such a connection ends where those of strangers end.
 */
function sourceWords(server: Server, { source, outside }: Pick<HaproxyInput, 'source' | 'outside'>): readonly string[] {
  if (server.inside) return [`source ${source}`];
  return isNamed(server) ? [`source 0.0.0.0 interface ${outside}`] : [];
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
