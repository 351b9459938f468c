import type { DebianPackage } from '#lab/install.ts';

/** What the tests need on the machine itself, besides what Vauban needs. `test/run` installs it; nothing else has to. */
export const testPackages: readonly DebianPackage[] = [
  { name: 'chromium', program: 'chromium' },
  { name: 'curl', program: 'curl' },
  { name: 'isc-dhcp-client', program: 'dhclient' },
  { name: 'ldap-utils', program: 'ldapwhoami' },
  { name: 'iputils-ping', program: 'ping' },
  { name: 'python3', program: 'python3' },
  { name: 'strongswan-swanctl', program: 'swanctl' },
  { name: 'tcpdump', program: 'tcpdump' },
];
