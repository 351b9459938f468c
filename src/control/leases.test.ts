import { expect, test } from 'vitest';
import { leasesOf } from './leases.ts';

const seen = {
  at: 0,
  list: [
    {
      artifact: 'dnsmasq/seg.lab.lan',
      state: 'ready' as const,
      values: {
        'lab/segment/lan': { leases: 2 },
        'lab/segment/lan/52:54:00:00:00:02': { expires: 1_764_193_123 },
        'lab/segment/lan/52:54:00:00:00:01': { expires: 0 },
        'lab/segment/lan2/52:54:00:00:00:03': { expires: 1 },
      },
      details: {
        'lab/segment/lan/52:54:00:00:00:02': '10.200.7.4 laptop',
        'lab/segment/lan/52:54:00:00:00:01': '10.200.7.5',
        'lab/segment/lan2/52:54:00:00:00:03': '10.201.7.5',
        'lab/segment/lan': 'what is said of the segment itself',
      },
    },
  ],
};

test('the leases of one segment, by Ethernet address', () => {
  expect(leasesOf(seen, { project: 'lab', name: 'lan' })).toEqual([
    { address: '10.200.7.5', mac: '52:54:00:00:00:01' },
    { address: '10.200.7.4', mac: '52:54:00:00:00:02', name: 'laptop', expireTime: '2025-11-26T21:38:43.000Z' },
  ]);
  expect(leasesOf(seen, { project: 'lab', name: 'other' })).toEqual([]);
});
