import { defineKind, type Objection } from '../define.ts';
import { toEdgeNamespace } from '../network/edge.ts';
import { checkServer } from './check.ts';
import { toEdge, toFilters, toKeepalived, toOpenvpn, toPki } from './engines.ts';
import { SslVpnServerSpec } from './spec.ts';

export const sslVpnServer = defineKind<SslVpnServerSpec>({
  kind: 'sslVpnServer',
  title: 'SSL VPN server',
  spec: SslVpnServerSpec,
  check: (resource, snapshot): readonly Objection[] => checkServer(resource, snapshot),
  meaning: (before, after) => [
    ...(before === undefined && after !== undefined ? [`people will come in over ${wordsOf(after.spec)}`] : []),
    ...(before !== undefined && after === undefined ? ['ends all sessions; profiles of it are worth nothing'] : []),
    ...(before !== undefined && after !== undefined && wordsOf(before.spec) !== wordsOf(after.spec)
      ? [`people come in over ${wordsOf(after.spec)} instead of ${wordsOf(before.spec)}`]
      : []),
  ],
  columns: [
    { title: 'LISTENS', value: ({ spec }) => wordsOf(spec) },
    { title: 'SESSIONS', value: (_, { values }) => String(values['sessions'] ?? '') },
    { title: 'STATUS', value: (_, { state }) => state },
  ],
  feeds: {
    openvpn: toOpenvpn,
    pki: toPki,
    filter: toFilters,
    keepalived: toKeepalived,
    edge: toEdge,
    // The sign-in of a project without front end stands there, too.
    namespace: ({ project }) => [toEdgeNamespace(project)],
  },
  example: {
    staff: {
      udp: { network: 'vpn-udp' },
      tcp: { network: 'vpn-tcp' },
      certificateAuthority: 'vpn',
      routes: ['vlan200-servers'],
      dnsServers: ['10.200.0.1'],
    },
  },
});

const wordsOf = ({ udp, tcp }: SslVpnServerSpec): string =>
  [...(udp === undefined ? [] : [`udp:${udp.port}`]), ...(tcp === undefined ? [] : [`tcp:${tcp.port}`])].join(',');
