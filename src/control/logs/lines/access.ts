import type { Snapshot } from '#core/resource.ts';
import { edgePaths } from '#engines/edge/paths.ts';
import { backendService } from '#kinds/backend-service/kind.ts';
import { roleBinding } from '#kinds/role-binding/kind.ts';
import { accessEntry } from '../entries/access.ts';
import { tunnelEntry } from '../entries/tunnel.ts';
import type { LineLog } from './collector.ts';
import type { LineSurroundings } from './firewall.ts';

/** Lines of the edge service name a URL and reasons; they are bounded there. */
const lineLimit = 64 * 1024;

/** Who was let in where, who was not, and why; who signed in; tunnels: by project. */
export function accessLogs(snapshot: Snapshot, { deployment, now }: LineSurroundings): readonly LineLog[] {
  const projects = [...snapshot.all(backendService), ...snapshot.all(roleBinding)].map((it) => it.project);
  return [...new Set(projects)].sort().map((project): LineLog => {
    const { log } = edgePaths({ run: deployment.run, state: deployment.hostState }, project);
    return {
      name: `access/${project}`,
      file: `${log}.d/current`,
      lineLimit,
      isOlder: (name) => /^@[0-9a-f]{24}\.[su]$/.test(name),
      entryOf: (line, number) => {
        const place = { project, number, receivedAt: now().toISOString() };
        return accessEntry(line, place) ?? tunnelEntry(line, place);
      },
    };
  });
}
