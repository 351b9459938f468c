import { LOCAL } from '#core/host.ts';
import type { Snapshot } from '#core/resource.ts';
import { tracing } from '#engines/filter/published.ts';
import { gateway } from '#kinds/gateway/kind.ts';
import { natOf } from '#kinds/gateway/nat.ts';
import { vpnNames } from '../../vpn/names.ts';
import { filterEntry } from '../entries/filter.ts';
import type { LineLog } from './collector.ts';
import type { LineSurroundings } from './firewall.ts';
import { packetLog } from './packets.ts';

/** The packets that filters of gateways logged, by gateway. */
export function filterLogs(snapshot: Snapshot, surroundings: LineSurroundings): readonly LineLog[] {
  const names = vpnNames(surroundings.deployment);
  return snapshot.all(gateway).flatMap((it) => {
    const trace = tracing(natOf(it, snapshot).published);
    return (gateway.feeds.ulogd?.(it, snapshot, LOCAL) ?? []).map((fragment) =>
      packetLog(
        {
          name: `filter/${it.project}/${it.name}`,
          fragment,
          entryOf: (hit) =>
            filterEntry(hit, {
              project: it.project,
              gateway: it.name,
              receivedAt: surroundings.now().toISOString(),
              personAt: (address, at) => names.personAt(it, address, at),
              trace,
            }),
        },
        surroundings,
      ),
    );
  });
}
