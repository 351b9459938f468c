import type { VpnFile } from '#engines/openvpn/input.ts';
import { formatAddress, prefix } from '#lib/ip.ts';
import { serverAddress } from './addresses.ts';
import type { Transport } from './session.ts';

const maskOf = (length: number): string => formatAddress(length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0);

/** What a client is told when it is let in: the lines of `client-auth`. A change of it holds for whoever comes next. */
export function configurationOf(
  file: Pick<VpnFile, 'routes' | 'dnsServers' | 'searchDomain' | 'fullTunnel' | 'pingSeconds' | 'timeoutSeconds'>,
  {
    network,
    address,
    transport,
  }: { readonly network: string; readonly address: string; readonly transport: Transport },
): string[] {
  const push = (text: string): string => `push "${text}"`;
  const routes = file.routes.map((it) => {
    const { base, length } = prefix(it);
    return push(`route ${formatAddress(base)} ${maskOf(length)}`);
  });
  return [
    `ifconfig-push ${address} ${maskOf(prefix(network).length)}`,
    push('topology subnet'),
    // Whoever leaves says so.
    ...(transport === 'udp' ? [push('explicit-exit-notify 1')] : []),
    push(`route-gateway ${serverAddress(network)}`),
    push(`ping ${file.pingSeconds}`),
    push(`ping-restart ${file.timeoutSeconds}`),
    ...(file.fullTunnel ? [push('redirect-gateway def1')] : routes),
    ...file.dnsServers.map((it) => push(`dhcp-option DNS ${it}`)),
    ...(file.searchDomain === undefined ? [] : [push(`dhcp-option DOMAIN ${file.searchDomain}`)]),
  ];
}
