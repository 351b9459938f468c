/** What the kernel counts for the reader of one nflog group. */
export interface GroupCounters {
  /** Packets that wait in the kernel. */
  readonly waiting: number;
  /** Messages, of up to 32 packets each, that were lost because the reader was too slow, since it was started. How many packets, the kernel does not say. */
  readonly lostMessages: number;
}

/**
 * Reads /proc/net/netfilter/nfnetlink_log and /proc/net/netlink of a namespace. Undefined: nobody reads the group.
 * Columns as in net/netfilter/nfnetlink_log.c (group, port, waiting, ...) and net/netlink/af_netlink.c.
 */
export function groupCounters(group: number, groups: string, sockets: string): GroupCounters | undefined {
  const row = rows(groups).find(([number]) => Number(number) === group);
  if (row === undefined) return undefined;
  const [, port, waiting = '0'] = row;
  const netfilter = '12';
  const socket = rows(sockets).find(([, family, owner]) => family === netfilter && owner === port);
  return { waiting: Number(waiting), lostMessages: Number(socket?.[8] ?? 0) };
}

const rows = (text: string): readonly (readonly string[])[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => line.split(/\s+/));
