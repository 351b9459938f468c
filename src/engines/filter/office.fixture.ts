import type { FilterInput, FilterRule } from './input.ts';
import { anySide, type Side } from './side.ts';

/** The gateway of an office with one published server, for tests: small, with one of everything that filters have. */

const object = (name: string): string => `lab/networkObject/${name}`;
const service = (name: string): string => `lab/serviceObject/${name}`;
const one = (name: string): Side => ({ sets: [object(name)], negated: false });
const but = (name: string): Side => ({ sets: [object(name)], negated: true });

export const officeRule = (name: string, number: number, rest: Partial<FilterRule>): FilterRule => ({
  id: `lab/filterPolicy/office/${name}`,
  number,
  action: 'pass',
  enabled: true,
  inInterfaces: [],
  outInterfaces: [],
  source: anySide,
  destination: anySide,
  services: [],
  inspection: 'firewall',
  failOpen: true,
  divert: [],
  log: 'none',
  ...rest,
});

const rules: FilterRule[] = [
  officeRule('no-chat', 3, {
    action: 'reset',
    source: one('vlan200'),
    services: [service('chat')],
    log: 'connections',
  }),
  officeRule('web', 1, {
    source: one('vlan200'),
    destination: but('private'),
    services: [service('web')],
    divert: [
      { ports: [80], to: 3129 },
      { ports: [443], to: 3130 },
    ],
  }),
  officeRule('published', 2, {
    inInterfaces: ['ext', 'lan'],
    destination: one('ext-address'),
    services: [service('web')],
    inspection: 'ips',
    log: 'packets',
  }),
  officeRule('staff', 7, { people: 'lab/gateway/office/staff', destination: one('vlan200') }),
  officeRule('nightly', 9, {
    source: one('vlan200'),
    services: [service('ping'), service('dns')],
    schedule: [{ days: ['mon', 'fri'], from: '22:00', to: '24:00' }],
    inspection: 'ids',
  }),
  officeRule('old', 12, { enabled: false }),
  officeRule('scanner', 400, { action: 'block', source: one('scanner'), log: 'connections' }),
  officeRule('out', 401, {
    outInterfaces: ['ext'],
    source: one('vlan200'),
    services: [service('ping'), service('dns')],
  }),
];

export const office: FilterInput = {
  namespace: 'gw.lab.office',
  owner: 'lab/gateway/office',
  interfaces: [
    { name: 'ext', networks: [], external: true, antispoofing: true },
    { name: 'lan', networks: ['10.200.0.0/16'], external: false, antispoofing: true },
  ],
  addressSets: [
    { key: object('admin'), ranges: ['198.51.100.7'] },
    { key: object('ext-address'), ranges: ['147.135.161.153'] },
    { key: object('private'), ranges: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'] },
    { key: object('remote'), ranges: ['10.201.0.0/16'] },
    { key: object('scanner'), ranges: ['198.51.100.64-198.51.100.79', '198.51.100.200'] },
    { key: object('vlan200'), ranges: ['10.200.0.0/16'] },
  ],
  serviceSets: [
    { key: service('chat'), services: [{ protocol: 'tcp', ports: [[5222, 5223]] }] },
    {
      key: service('dns'),
      services: [
        { protocol: 'udp', ports: [[53, 53]] },
        { protocol: 'tcp', ports: [[53, 53]] },
      ],
    },
    {
      key: service('management'),
      services: [
        {
          protocol: 'tcp',
          ports: [
            [22, 22],
            [8443, 8443],
          ],
        },
      ],
    },
    { key: service('ping'), services: [{ protocol: 'icmp', types: [[8, 8]] }] },
    { key: service('vrrp'), services: [{ protocol: 'vrrp' }] },
    {
      key: service('web'),
      services: [
        {
          protocol: 'tcp',
          ports: [
            [80, 80],
            [443, 443],
          ],
        },
      ],
    },
  ],
  people: [{ key: 'lab/gateway/office/staff' }],
  rules,
  nat: [
    {
      kind: 'exempt',
      id: 'lab/natPolicy/office/tunnel',
      inInterfaces: [],
      outInterfaces: ['ext'],
      source: one('vlan200'),
      destination: one('remote'),
      services: [],
    },
    {
      kind: 'publish',
      id: 'lab/natPolicy/office/web',
      inInterfaces: ['ext', 'lan'],
      source: anySide,
      services: [service('web')],
      address: '147.135.161.153',
      to: '10.200.0.10',
      port: 8080,
      told: 1,
      hairpin: [{ interface: 'lan', address: '10.200.0.1' }],
    },
    {
      kind: 'bidirectional',
      id: 'lab/natPolicy/office/mail',
      interfaces: ['ext'],
      outside: '147.135.161.156/32',
      inside: '10.200.0.20/32',
      told: 1,
    },
    {
      kind: 'source',
      id: 'lab/natPolicy/office/out',
      inInterfaces: [],
      outInterfaces: ['ext'],
      source: one('vlan200'),
      destination: anySide,
      services: [],
      addresses: ['147.135.161.153'],
    },
  ],
  local: [
    {
      id: 'lab/gateway/office/local/dns',
      inInterfaces: ['lan'],
      source: one('vlan200'),
      destination: anySide,
      services: [service('dns')],
    },
    {
      id: 'lab/gateway/office/local/management',
      inInterfaces: [],
      source: one('admin'),
      destination: anySide,
      services: [service('management')],
      untracked: 'answers',
    },
    {
      id: 'lab/gateway/office/local/vrrp',
      inInterfaces: ['lan'],
      source: anySide,
      destination: anySide,
      services: [service('vrrp')],
    },
  ],
  guards: [
    { id: 'lab/gateway/office/guard/branch', outInterfaces: ['ext'], source: anySide, destination: one('remote') },
  ],
  logGroup: 11,
  logLimit: { perSecond: 5, burst: 10 },
  logImplicit: true,
  cut: true,
};
