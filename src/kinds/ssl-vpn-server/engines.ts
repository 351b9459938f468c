import { keyOf, type Snapshot } from '#core/resource.ts';
import type { EdgeFragment } from '#engines/edge/input.ts';
import type { FilterFragment } from '#engines/filter/assemble.ts';
import type { KeepalivedFragment } from '#engines/keepalived/input.ts';
import { openvpnServices } from '#engines/openvpn/assemble.ts';
import type { OpenvpnFragment } from '#engines/openvpn/input.ts';
import type { PkiFragment } from '#engines/pki/input.ts';
import { parseAddress } from '#lib/ip.ts';
import { authorityId } from '../certificate-authority/kind.ts';
import { clusterOf, type Gateway, portsOf } from '../gateway/place.ts';
import { edgeProject } from '../instance/fabric.ts';
import { gatewayNamespace } from '../network/fabric.ts';
import { addressOf, gatewaysWith, listenersOf, pushedBy, type SslVpnServer, serverName } from './served.ts';

/** Days that the server's certificate lasts; it is renewed in time. */
const LIFE_DAYS = 397;

const namespaceOf = ({ project, name }: Gateway): string => gatewayNamespace(project, name);

/** A cluster of one is simply active. */
const isShared = (it: Gateway, snapshot: Snapshot): boolean => (clusterOf(it, snapshot)?.spec.members.length ?? 0) > 1;

const authorityOf = ({ project, spec }: SslVpnServer): string =>
  authorityId({ project, name: spec.certificateAuthority });

const certificateOf = ({ name }: SslVpnServer): string => `ssl-vpn-server.${name}`;

export const toOpenvpn = (server: SslVpnServer, snapshot: Snapshot): readonly OpenvpnFragment[] =>
  gatewaysWith(server, snapshot).map((it) => fragmentAt(server, it, snapshot));

export function fragmentAt(server: SslVpnServer, at: Gateway, snapshot: Snapshot): OpenvpnFragment {
  const { spec } = server;
  return {
    namespace: namespaceOf(at),
    owner: keyOf(at),
    project: server.project,
    server: keyOf(server),
    listeners: listenersOf(server, snapshot).map((it) => ({ ...it })),
    routes: spec.fullTunnel ? [] : pushedBy(server, at, snapshot),
    dnsServers: spec.dnsServers,
    ...(spec.searchDomain === undefined ? {} : { searchDomain: spec.searchDomain }),
    fullTunnel: spec.fullTunnel,
    sessions: spec.maximumSessions,
    sessionsPerPerson: spec.sessionsPerPerson,
    pingSeconds: spec.pingSeconds,
    timeoutSeconds: spec.timeoutSeconds,
    authority: { id: authorityOf(server), certificate: certificateOf(server) },
    requiresCertificate: spec.requirePersonalCertificate,
    ciphers: spec.dataCiphers,
    renegotiateSeconds: spec.renegotiateMinutes * 60,
    tokenSeconds: spec.tokenHours * 3600,
    whileActive: isShared(at, snapshot),
  };
}

export function toPki(server: SslVpnServer, snapshot: Snapshot): readonly PkiFragment[] {
  const [at] = gatewaysWith(server, snapshot);
  const address = at === undefined ? undefined : addressOf(server, at, snapshot);
  if (address === undefined) return [];
  const isAddress = parseAddress(address) !== undefined;
  return [
    {
      authority: authorityOf(server),
      wanted: {
        id: certificateOf(server),
        resource: keyOf(server),
        subject: { commonName: serverName(server) },
        names: isAddress ? [] : [address],
        addresses: isAddress ? [address] : [],
        usage: 'server',
        lifeDays: LIFE_DAYS,
      },
    },
  ];
}

/** The ports are open to everybody outside; whoever has no key of a profile gets no answer there. */
export const toFilters = (server: SslVpnServer, snapshot: Snapshot): readonly FilterFragment[] =>
  gatewaysWith(server, snapshot).flatMap((it) => {
    const namespace = namespaceOf(it);
    const outside = portsOf(it, snapshot).filter((port) => port.external);
    return listenersOf(server, snapshot).flatMap(({ transport, port }): FilterFragment[] => {
      const key = `${keyOf(server)}/${transport}`;
      const everything = { sets: [], negated: false };
      return [
        { namespace, serviceSet: { key, services: [{ protocol: transport, ports: [[port, port]] }] } },
        {
          namespace,
          local: {
            id: `${key}/in`,
            inInterfaces: outside.map((one) => one.name),
            source: everything,
            destination: everything,
            services: [key],
          },
        },
      ];
    });
  });

/** Both openvpns and our service run where the shared addresses are. */
export const toKeepalived = (server: SslVpnServer, snapshot: Snapshot): readonly KeepalivedFragment[] =>
  gatewaysWith(server, snapshot)
    .filter((it) => isShared(it, snapshot))
    .map((it) => ({
      namespace: namespaceOf(it),
      activeOnly: openvpnServices(
        namespaceOf(it),
        listenersOf(server, snapshot).map((one) => one.transport),
      ),
    }));

/** Who signs in, and by what; who may, role bindings say. */
export function toEdge(server: SslVpnServer, snapshot: Snapshot): readonly EdgeFragment[] {
  const [at] = gatewaysWith(server, snapshot);
  if (at === undefined) return [];
  const { directories, secondFactor } = server.spec;
  const networks = pushedBy(server, at, snapshot);
  return [
    {
      project: edgeProject(server.project),
      vpnServers: [{ key: keyOf(server), name: server.name, directories, secondFactor, networks }],
    },
  ];
}
