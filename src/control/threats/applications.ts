/** What Suricata calls an application, in the words of Cloud IDS. Names that are not here pass as they are. */
const applications: Readonly<Record<string, string>> = {
  'bittorrent-dht': 'bittorrent',
  dcerpc: 'msrpc',
  http: 'web-browsing',
  http1: 'web-browsing',
  http2: 'web-browsing',
  'http-proxy': 'http-proxy',
  krb5: 'kerberos',
  pgsql: 'postgres',
  rdp: 'ms-rdp',
  rfb: 'vnc',
  smb: 'ms-ds-smb',
  tls: 'ssl',
};

/** When the application is not known (yet), the protocol gives the name. */
const byProtocol: Readonly<Record<string, string>> = {
  icmp: 'icmp',
  'ipv6-icmp': 'icmp6',
  tcp: 'unknown-tcp',
  udp: 'unknown-udp',
};

export function applicationName(application: string | undefined, protocol: string): string {
  if (application !== undefined) return applications[application] ?? application;
  return byProtocol[protocol] ?? protocol;
}
