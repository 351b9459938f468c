import type { LogEntry } from '#core/log.ts';
import type { UlogdInput } from '#engines/ulogd/input.ts';
import { type FirewallHit, firewallHit, parsePacket } from '#engines/ulogd/packet.ts';
import { ulogdPaths } from '#engines/ulogd/paths.ts';
import type { LineLog } from './collector.ts';
import type { LineSurroundings } from './firewall.ts';

/** A packet's line has some 700 bytes. */
const lineLimit = 64 * 1024;

export interface PacketLog {
  /** Such as `firewall/lab/cloud-ids`. */
  readonly name: string;
  /** What writes the file. */
  readonly fragment: UlogdInput;
  readonly entryOf: (hit: FirewallHit) => LogEntry;
}

/** A file of packets that rules logged, each of which names its rule. */
export function packetLog({ name, fragment, entryOf }: PacketLog, { deployment }: LineSurroundings): LineLog {
  const { log, older } = ulogdPaths({ run: deployment.run, state: deployment.hostState }, fragment);
  const olderName = older.slice(older.lastIndexOf('/') + 1);
  return {
    name,
    file: log,
    lineLimit,
    isOlder: (it) => it === olderName,
    entryOf: (line) => {
      const packet = parsePacket(line);
      const hit = packet && firewallHit(packet);
      if (hit === undefined) return { malformed: packet === undefined ? 'no packet' : 'no rule is named' };
      return entryOf(hit);
    },
  };
}
