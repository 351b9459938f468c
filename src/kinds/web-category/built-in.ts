import type { WebCategorySpec } from './spec.ts';

/** Public names of well-known resolvers, as their operators document them. A start, and no promise to be complete. */
const dohProviders = [
  ...['dns.google', 'cloudflare-dns.com', 'one.one.one.one', 'mozilla.cloudflare-dns.com', 'dns.quad9.net'],
  ...['dns9.quad9.net', 'dns10.quad9.net', 'dns11.quad9.net', 'doh.opendns.com', 'doh.familyshield.opendns.com'],
  ...['dns.nextdns.io', 'doh.cleanbrowsing.org', 'dns.adguard-dns.com', 'family.adguard-dns.com', 'doh.mullvad.net'],
  ...['dns.mullvad.net', 'freedns.controld.com', 'doh.dns.sb', 'doh.libredns.gr', 'dns0.eu', 'doh.applied-privacy.net'],
];

/** Addresses that such resolvers answer at and nothing else does. The same holds: a start. */
export const resolverAddresses: readonly string[] = [
  ...['1.0.0.1', '1.0.0.2', '1.0.0.3', '1.1.1.1', '1.1.1.2', '1.1.1.3', '8.8.4.4', '8.8.8.8'],
  ...['9.9.9.9', '9.9.9.10', '9.9.9.11', '149.112.112.9', '149.112.112.10', '149.112.112.11', '149.112.112.112'],
  ...['208.67.220.123', '208.67.220.220', '208.67.222.123', '208.67.222.222'],
  ...['94.140.14.14', '94.140.14.15', '94.140.14.140', '94.140.14.141', '94.140.15.15', '94.140.15.16'],
  ...['185.228.168.9', '185.228.168.10', '185.228.168.168', '185.228.169.9', '185.228.169.11', '185.228.169.168'],
  ...['194.242.2.2', '194.242.2.3', '194.242.2.4', '194.242.2.5', '194.242.2.6', '194.242.2.9'],
  ...['76.76.2.0', '76.76.2.11', '76.76.10.0', '76.76.10.11', '185.222.222.222', '45.11.45.11', '116.202.176.26'],
];

/** Outer names of encrypted ClientHellos: what a connection says aloud that hides where it goes. One operator has nearly all. */
const echProviders = ['cloudflare-ech.com'];

/** Categories that every profile may name. */
export const builtInCategories: Readonly<Record<string, WebCategorySpec>> = {
  'doh-providers': {
    title: 'DNS over HTTPS',
    format: 'plain',
    domains: `${dohProviders.join('\n')}\n`,
    description: 'Resolvers that browsers reach by HTTPS past the network’s own.',
  },
  'ech-providers': {
    title: 'Encrypted ClientHello',
    format: 'plain',
    domains: `${echProviders.join('\n')}\n`,
    description: 'Names that connections give in place of the site that they want.',
  },
};
