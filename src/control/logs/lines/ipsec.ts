import type { Snapshot } from '#core/resource.ts';
import { ipsecPaths } from '#engines/strongswan/paths.ts';
import { gateway } from '#kinds/gateway/kind.ts';
import { gatewayNamespace } from '#kinds/network/fabric.ts';
import { ipsecEntry } from '../entries/ipsec.ts';
import type { LineLog } from './collector.ts';
import type { LineSurroundings } from './firewall.ts';

/** What happened to tunnels, by gateway. */
export const ipsecLogs = (snapshot: Snapshot, { deployment, now }: LineSurroundings): readonly LineLog[] =>
  snapshot.all(gateway).map(({ project, name }): LineLog => {
    const { events } = ipsecPaths(
      { run: deployment.run, state: deployment.hostState },
      gatewayNamespace(project, name),
    );
    return {
      name: `ipsec/${project}/${name}`,
      file: `${events}.d/current`,
      lineLimit: 16 * 1024,
      isOlder: (it) => /^@[0-9a-f]{24}\.[su]$/.test(it),
      entryOf: (line, number) => ipsecEntry(line, { project, gateway: name, number, receivedAt: now().toISOString() }),
    };
  });
