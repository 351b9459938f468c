/**
 * What a node of a cluster asks of its kernel, for the fragment of its namespace. A connection that was taken over is not
 * judged by windows that this kernel never saw; shared addresses may be bound before they are here; only the interface that
 * has an address answers for it.
 */
export const clusterSysctls = (): Readonly<Record<string, number>> => ({
  'net.netfilter.nf_conntrack_tcp_be_liberal': 1,
  'net.ipv4.ip_nonlocal_bind': 1,
  'net.ipv4.conf.all.arp_ignore': 1,
  'net.ipv4.conf.all.arp_announce': 2,
});
