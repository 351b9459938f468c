import { firstOf, formatAddress, prefix } from '#lib/ip.ts';
import { devices, type OpenvpnInput, type OpenvpnListener } from './input.ts';
import type { OpenvpnPaths } from './paths.ts';

/** Connections at once, those that have not said yet who they are included; our service counts people. */
const MOST = 4096;

/**
 * One openvpn. Whatever a client is told when it comes in is no part of it, so that a change of that throws nobody out. It
 * starts with no right but to listen: devices and their addresses are there before, and it runs no program.
 */
export function renderConfig(
  input: OpenvpnInput,
  { transport, port, network }: OpenvpnListener,
  paths: OpenvpnPaths & { readonly crl: string },
): string {
  const { base, length } = prefix(network);
  const mask = formatAddress(length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0);
  const lines = [
    // Answers leave from the address that was asked, also when that came to this gateway only now.
    ...(transport === 'udp'
      ? ['proto udp4', 'multihome', 'explicit-exit-notify 1']
      : ['proto tcp4-server', 'tcp-nodelay']),
    `port ${port}`,
    `dev ${devices[transport]}`,
    'dev-type tun',
    // Kernel offload would need the right to make devices.
    'disable-dco',
    'mode server',
    'tls-server',
    'topology subnet',
    `ifconfig ${formatAddress(firstOf({ base, length }) + 1)} ${mask}`,
    'ifconfig-noexec',
    'route-noexec',
    'script-security 0',
    `ping ${input.pingSeconds}`,
    `ping-restart ${2 * input.timeoutSeconds}`,
    `ca ${paths.authority}`,
    `cert ${paths.certificate}`,
    `key ${paths.key}`,
    'dh none',
    'tls-version-min 1.2',
    `tls-crypt-v2 ${paths.tlsCrypt}`,
    // One that is shown must be good. Whoever lacks one that is needed is told so by our service, and not by silence.
    'verify-client-cert optional',
    'remote-cert-tls client',
    // Read anew by itself when it has changed.
    `crl-verify ${paths.crl}`,
    `data-ciphers ${input.ciphers.join(':')}`,
    'auth SHA256',
    `reneg-sec ${input.renegotiateSeconds}`,
    // Without the last word a token would let people back in whom nobody asked about.
    `auth-gen-token ${input.tokenSeconds} ${input.renegotiateSeconds} external-auth`,
    `auth-gen-token-secret ${paths.tokenSecret}`,
    // Who may have how many sessions is decided by person, not by certificate.
    'duplicate-cn',
    `max-clients ${MOST}`,
    // Strangers have no key that openvpn would answer to, and after a take-over everybody comes at once.
    'connect-freq-initial 2000 10',
    `management ${paths.management(transport)} unix`,
    'management-hold',
    'management-client-auth',
    'persist-key',
    'verb 3',
  ];
  return `${lines.join('\n')}\n`;
}
