import { defineKind } from '../define.ts';
import { IpsecTunnelSpec } from './spec.ts';

export const ipsecTunnel = defineKind<IpsecTunnelSpec>({
  kind: 'ipsecTunnel',
  title: 'IPsec tunnel',
  spec: IpsecTunnelSpec,
  meaning: (before, after) => {
    const words = (it: IpsecTunnelSpec): string =>
      it.networks.map((one) => `${one.local} and ${one.remote}`).join(', ');
    if (after === undefined)
      return before === undefined ? [] : [`ends the tunnel ${before.name} to ${before.spec.peer}`];
    if (before === undefined) return [`a tunnel to ${after.spec.peer} joins ${words(after.spec)}`];
    return before.spec.enabled === after.spec.enabled
      ? []
      : [after.spec.enabled ? `${after.name} may be up again` : `${after.name} goes down; its networks are cut off`];
  },
  columns: [
    { title: 'PEER', value: ({ spec }) => spec.peer },
    { title: 'NETWORKS', value: ({ spec }) => spec.networks.map((it) => `${it.local}-${it.remote}`).join(',') },
    { title: 'UP', value: (_, { values }) => (values['up'] === 1 ? 'yes' : 'no') },
  ],
  feeds: {},
  example: {
    'to-colleague': { peer: 'colleague', networks: [{ local: 'network-lan', remote: 'colleague-lan' }] },
    'to-branch': { peer: 'branch', networks: [{ local: 'network-lan', remote: 'branch-lan' }] },
  },
});
