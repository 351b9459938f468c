import { expect, test } from 'vitest';
import { type Listed, trafficOf } from './interfaces.ts';

const link = (ifname: string, received: number, sent: number, flags = ['UP', 'LOWER_UP']): Listed[number] => {
  const counted = (bytes: number) => ({ bytes, packets: bytes / 100, errors: 1, dropped: 2 });
  const addr_info = [
    { family: 'inet', local: '10.0.0.1', prefixlen: 24 },
    { family: 'inet6', local: 'fe80::1', prefixlen: 64 },
  ];
  return { ifname, flags, mtu: 1500, addr_info, stats64: { rx: counted(received), tx: counted(sent) } };
};

test('throughput is what came between two looks, by the time between them', () => {
  const [lan] = trafficOf([link('lan', 1000, 500)], [link('lan', 3000, 500)], 2);
  expect(lan).toEqual({
    device: 'lan',
    up: true,
    mtu: 1500,
    addresses: ['10.0.0.1/24'],
    received: { bitsPerSecond: 8000, packetsPerSecond: 10, bytes: 3000, packets: 30, errors: 1, dropped: 2 },
    sent: { bitsPerSecond: 0, packetsPerSecond: 0, bytes: 500, packets: 5, errors: 1, dropped: 2 },
  });
});

test('an interface that was made anew between the looks has carried what it counts, never less than nothing', () => {
  const rates = trafficOf([link('tun', 9000, 9000)], [link('tun', 1000, 0), link('new', 500, 0)], 1).map((it) => [
    it.received.bitsPerSecond,
    it.sent.bitsPerSecond,
  ]);
  expect(rates).toEqual([
    [8000, 0],
    [4000, 0],
  ]);
});

test('one without a cable is down, and the loopback interface is nobody’s business', () => {
  const lo = link('lo', 1, 1, ['LOOPBACK', 'UP', 'LOWER_UP']);
  const found = trafficOf([], [lo, link('ext', 0, 0, ['NO-CARRIER', 'UP'])], 1);
  expect(found.map((it) => [it.device, it.up])).toEqual([['ext', false]]);
});
