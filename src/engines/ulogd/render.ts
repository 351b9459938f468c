import type { UlogdInput } from './input.ts';

/**
 * ulogd.conf. No plugin is named, so ulogd loads those of its own folder, wherever the distribution put that. The
 * kernel hands packets over 32 at a time or after 0.1 s; the socket may hold 8 MiB of them when a flood comes.
 */
export const renderConfig = ({ group }: UlogdInput, log: string): string => `[global]
logfile="stdout"
loglevel=5
stack=packets:NFLOG,base:BASE,interfaces:IFINDEX,addresses:IP2STR,lines:JSON

[packets]
group=${group}
netlink_socket_buffer_size=2097152
netlink_socket_buffer_maxsize=8388608
netlink_qthreshold=32
netlink_qtimeout=10

[lines]
file="${log}"
sync=1
timestamp=0
`;
