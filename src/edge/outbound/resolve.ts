import { Resolver } from 'node:dns/promises';
import { isIPv4, type LookupFunction } from 'node:net';
import { INTERNET_ROUTER } from '#kinds/network/fabric.ts';
import { contains, parseAddress, prefix } from '#lib/ip.ts';

/** How names become addresses when the edge service itself asks somebody. */
export type Lookup = LookupFunction;

/** Where nobody outside can stand: asking there would be asking ourselves, a host behind us, or its metadata server. */
const never = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '130.211.0.0/22',
  '35.191.0.0/16',
  '35.235.240.0/20',
].map(prefix);
const inner = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'].map(prefix);

/** Why an address is not asked; undefined when it may be. */
export function objectionTo(address: string, allowPrivate: boolean): string | undefined {
  const number = parseAddress(address);
  if (number === undefined) return `${address} is no IPv4 address`;
  if (never.some((it) => contains(it, number))) return `${address} is an address of our own`;
  if (!allowPrivate && inner.some((it) => contains(it, number))) return `${address} is a private address`;
  return undefined;
}

export interface LookupOptions {
  readonly allowPrivate: boolean;
  /** Resolvers to ask; default that of the internet. */
  readonly servers?: readonly string[];
  /** For tests in which the other side stands on this very machine. */
  readonly allowLoopback?: boolean;
}

const refused = (host: string, why: string): NodeJS.ErrnoException =>
  Object.assign(new TypeError(`${host} is not asked: ${why}`), { code: 'EVAUBANREFUSED' });

/**
 * A look-up for sockets. Every address is judged after it was looked up and before it is connected to, so that a name which
 * points inside, at once or at the second look, leads nowhere.
 */
export function guardedLookup({ allowPrivate, servers = [INTERNET_ROUTER], allowLoopback }: LookupOptions): Lookup {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([...servers]);
  const addressesOf = async (host: string): Promise<readonly string[]> =>
    isIPv4(host) ? [host] : host === 'localhost' ? ['127.0.0.1'] : resolver.resolve4(host);
  return (host, options, done) => {
    addressesOf(host).then(
      (addresses) => {
        const objections = addresses.flatMap((it) => objectionTo(it, allowPrivate) ?? []);
        const loopback = allowLoopback === true && addresses.every((it) => it.startsWith('127.'));
        const [first] = addresses;
        if (first === undefined) return done(refused(host, 'it has no address'), '', 4);
        if (objections[0] !== undefined && !loopback) return done(refused(host, objections[0]), '', 4);
        if (options.all === true)
          return done(
            null,
            addresses.map((address) => ({ address, family: 4 })),
          );
        return done(null, first, 4);
      },
      (error: unknown) => done(error as NodeJS.ErrnoException, '', 4),
    );
  };
}
