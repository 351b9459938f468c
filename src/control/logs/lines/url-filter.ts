import type { Snapshot } from '#core/resource.ts';
import { squidPaths } from '#engines/squid/paths.ts';
import { gateway } from '#kinds/gateway/kind.ts';
import { gatewayNamespace } from '#kinds/network/fabric.ts';
import { urlFilterEntry } from '../entries/url-filter.ts';
import type { LineLog } from './collector.ts';
import type { LineSurroundings } from './firewall.ts';

/** Squid cuts addresses of sites that are longer than this. */
const lineLimit = 64 * 1024;

/** What URL filters decided, by gateway. */
export const urlFilterLogs = (snapshot: Snapshot, { deployment, now }: LineSurroundings): readonly LineLog[] =>
  snapshot.all(gateway).map(({ project, name }): LineLog => {
    const namespace = gatewayNamespace(project, name);
    const { log } = squidPaths({ run: deployment.run, state: deployment.hostState }, { namespace });
    return {
      name: `url-filter/${project}/${name}`,
      file: `${log}.d/current`,
      lineLimit,
      isOlder: (it) => /^@[0-9a-f]{24}\.[su]$/.test(it),
      entryOf: (line, number) =>
        urlFilterEntry(line, { project, gateway: name, number, receivedAt: now().toISOString() }),
    };
  });
