import { ConntrackdInput } from '../conntrackd/input.ts';
import { GatewayServiceInput } from '../gateway-service/input.ts';
import { KeepalivedInput } from './input.ts';

/** The first node of a pair as people have it: an external network without an address of its own, a network of users, a link. */
export const keepalived = KeepalivedInput.parse({
  namespace: 'gw.lab.first',
  node: 'first',
  routerId: 51,
  priority: 150,
  interface: 'lan',
  own: '10.200.0.2',
  peers: ['10.200.0.3'],
  shared: [
    { prefix: '147.135.161.153/29', interface: 'ext' },
    { prefix: '10.200.0.1/16', interface: 'lan' },
  ],
  routes: [{ destination: '0.0.0.0/0', via: '147.135.161.158', interface: 'ext' }],
  tracked: [{ interface: 'ext' }, { interface: 'lan' }, { interface: 'dmz', weight: 20 }],
  activeOnly: ['vpn.gw.lab.first'],
  files: [{ name: 'leases', path: 'leases/lab' }],
});

export const conntrackd = ConntrackdInput.parse({
  namespace: 'gw.lab.first',
  interface: 'ha',
  own: '192.168.2.1',
  peer: '192.168.2.2',
  local: ['10.200.0.1', '10.200.0.2', '10.200.0.3', '147.135.161.153', '192.168.2.1', '192.168.2.2'],
});

export const gatewayService = GatewayServiceInput.parse({
  namespace: 'gw.lab.first',
  cluster: 'lab/gatewayCluster/main',
  node: 'first',
  peer: 'second',
  priority: 150,
  secret: 'known to both nodes and nobody else',
  traffic: { interface: 'lan', own: '10.200.0.2', peer: '10.200.0.3' },
  link: { interface: 'ha', own: '192.168.2.1', peer: '192.168.2.2' },
});
