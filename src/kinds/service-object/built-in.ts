import type { ServiceObjectSpec } from './spec.ts';

const at = (...match: string[]): ServiceObjectSpec => ({ match, description: '' });

/** Services under the names that people know them by (IANA's registry). */
export const builtInServices: Readonly<Record<string, ServiceObjectSpec>> = {
  any: { match: ['all'], description: 'Every protocol and port.' },
  bgp: at('tcp:179'),
  dhcp: at('udp:67-68'),
  dns: at('udp:53', 'tcp:53'),
  'dns-over-tls': at('tcp:853', 'udp:853'),
  esp: at('esp'),
  ftp: at('tcp:21'),
  http: at('tcp:80'),
  'http-proxy': at('tcp:3128', 'tcp:8080'),
  https: at('tcp:443'),
  icmp: at('icmp'),
  ike: at('udp:500', 'udp:4500'),
  imap: at('tcp:143'),
  imaps: at('tcp:993'),
  kerberos: at('udp:88', 'tcp:88'),
  ldap: at('tcp:389'),
  ldaps: at('tcp:636'),
  mysql: at('tcp:3306'),
  ntp: at('udp:123'),
  openvpn: at('udp:1194', 'tcp:1194'),
  postgresql: at('tcp:5432'),
  pop3s: at('tcp:995'),
  quic: at('udp:443'),
  rdp: at('tcp:3389', 'udp:3389'),
  smb: at('tcp:445'),
  smtp: at('tcp:25'),
  snmp: at('udp:161'),
  ssh: at('tcp:22'),
  submission: at('tcp:587'),
  syslog: at('udp:514'),
  web: { group: ['http', 'https'], description: 'HTTP and HTTPS.' },
};
