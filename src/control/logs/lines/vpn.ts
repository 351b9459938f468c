import type { Snapshot } from '#core/resource.ts';
import { openvpnPaths } from '#engines/openvpn/paths.ts';
import { gatewayNamespace } from '#kinds/network/fabric.ts';
import { sslVpnServer } from '#kinds/ssl-vpn-server/kind.ts';
import { gatewaysWith } from '#kinds/ssl-vpn-server/served.ts';
import { vpnEntry } from '../entries/vpn.ts';
import type { LineLog } from './collector.ts';
import type { LineSurroundings } from './firewall.ts';

const lineLimit = 64 * 1024;

/** Who came in by the SSL VPN, who was refused, and who left, by gateway. */
export const vpnLogs = (snapshot: Snapshot, { deployment, now }: LineSurroundings): readonly LineLog[] =>
  snapshot.all(sslVpnServer).flatMap((server) =>
    gatewaysWith(server, snapshot).map(({ project, name }): LineLog => {
      const places = { run: deployment.run, state: deployment.hostState };
      const { log } = openvpnPaths(places, { namespace: gatewayNamespace(project, name), server: '' });
      return {
        name: `vpn/${project}/${name}`,
        file: `${log}.d/current`,
        lineLimit,
        isOlder: (it) => /^@[0-9a-f]{24}\.[su]$/.test(it),
        entryOf: (line, number) => vpnEntry(line, { project, gateway: name, number, receivedAt: now().toISOString() }),
      };
    }),
  );
