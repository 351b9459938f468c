import { expect, test } from 'vitest';
import { OpenvpnInput } from './input.ts';
import { openvpnPaths } from './paths.ts';
import { renderConfig } from './render.ts';

const input = OpenvpnInput.parse({
  ...{ namespace: 'gw.lab.edge', owner: 'lab/gateway/edge', project: 'lab', server: 'lab/sslVpnServer/staff' },
  listeners: [
    { transport: 'udp', port: 1194, network: '10.60.77.0/24' },
    { transport: 'tcp', port: 443, network: '10.60.78.0/23' },
  ],
  ...{ routes: ['10.200.0.0/16'], dnsServers: ['10.200.0.1'], fullTunnel: false, requiresCertificate: false },
  ...{ sessions: 250, sessionsPerPerson: 2, pingSeconds: 5, timeoutSeconds: 20 },
  authority: { id: 'lab.vpn', certificate: 'ssl-vpn-server.staff' },
  ciphers: ['AES-256-GCM', 'CHACHA20-POLY1305'],
  ...{ renegotiateSeconds: 3600, tokenSeconds: 43_200, whileActive: false },
});
const paths = { ...openvpnPaths({ run: '/run/vauban/ab12', state: '/var/lib/vauban/host' }, input), crl: '/crl.pem' };

test.each(input.listeners)(
  'an openvpn over $transport asks about everybody, and runs with no right of its own',
  async (it) => {
    await expect(renderConfig(input, it, paths)).toMatchFileSnapshot(`golden/${it.transport}.conf`);
  },
);

test('what clients are told is no part of it: a change of that throws nobody out', () => {
  const other: OpenvpnInput = {
    ...input,
    ...{ routes: ['10.201.0.0/16'], dnsServers: [], searchDomain: 'example.com', fullTunnel: true },
    ...{ sessions: 10, sessionsPerPerson: 1, requiresCertificate: true },
  };
  for (const it of input.listeners) expect(renderConfig(other, it, paths)).toBe(renderConfig(input, it, paths));
});
