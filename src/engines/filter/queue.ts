import type { FilterInput } from './input.ts';
import { formatMark, inspectedMark, inspectedOpenMark } from './marks.ts';

/** A table of its own, because not every kernel knows nft's `queue`; where it does not, iptables holds the same. */
export const queueTable = 'ip gw_queue';

type Ips = NonNullable<FilterInput['ips']>;

/** Where packets wait for their verdict, when rules want it. */
export const queueOf = ({ rules, ips }: FilterInput): Ips | undefined =>
  rules.some((it) => it.enabled && it.inspection === 'ips') ? ips : undefined;

/** What proves that an inspection looks. */
export const canaryText = ({ address, port }: Ips['canary']): string => `ip daddr ${address} udp dport ${port}`;

const marks = [
  { mark: inspectedMark, open: false },
  { mark: inspectedOpenMark, open: true },
] as const;

/** After all verdicts, the first packet's too, and before the sender is translated. What the gateway itself sends has not crossed it. */
export const renderQueue = ({ queue, canary }: Ips): string => `table ${queueTable}
delete table ${queueTable}
table ${queueTable} {
  chain inspect {
    type filter hook postrouting priority -139; policy accept;
    ${canaryText(canary)} queue num ${queue} bypass
    fib saddr type local accept
${marks.map(({ mark, open }) => `    ct mark & ${formatMark(mark)} != 0x00000000 queue num ${queue}${open ? ' bypass' : ''}\n`).join('')}  }
}
`;

/** The same for iptables-restore. */
export const renderQueueForIptables = ({ queue, canary }: Ips): string => `*mangle
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -d ${canary.address} -p udp --dport ${canary.port} -j NFQUEUE --queue-num ${queue} --queue-bypass
-A POSTROUTING -m addrtype --src-type LOCAL -j RETURN
${marks.map(({ mark, open }) => `-A POSTROUTING -m connmark --mark ${formatMark(mark)}/${formatMark(mark)} -j NFQUEUE --queue-num ${queue}${open ? ' --queue-bypass' : ''}\n`).join('')}COMMIT
`;
