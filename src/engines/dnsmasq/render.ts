import type { DnsmasqInput } from './input.ts';

/** dnsmasq.conf. Records are apart (see {@link renderHosts}), so that a new host needs no restart. */
export const renderConfig = ({ listen, domains, upstream }: DnsmasqInput, hostsFile: string, user: string): string =>
  [
    'keep-in-foreground',
    'no-resolv',
    'no-hosts',
    'no-poll',
    'bind-interfaces',
    `listen-address=${listen}`,
    `addn-hosts=${hostsFile}`,
    `user=${user}`,
    'pid-file',
    'log-facility=-',
    'cache-size=1000',
    'local-ttl=30',
    'domain-needed',
    ...domains.map((it) => `local=/${it}/`),
    // With nobody to ask, a name that is not known does not exist; a refusal would be taken for a passing failure.
    ...(upstream.length === 0 ? ['address=/#/'] : upstream.map((it) => `server=${it}`)),
    '',
  ].join('\n');

export const renderHosts = ({ records }: DnsmasqInput): string =>
  records.map((it) => `${it.address} ${it.names.join(' ')}\n`).join('');
