import { expect, test } from 'vitest';
import { everythingOf } from './driver.ts';

/** As `ip -4 -o -batch -` prints it: addresses, routes, permanent neighbours, links. */
const printed = `1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
6: up0    inet 198.18.0.1/32 scope global up0\\       valid_lft forever preferred_lft forever
default via 192.0.2.1 dev up0 onlink 
blackhole 10.128.0.0/20 
10.128.0.2 dev vw4 scope link linkdown 
10.128.0.2 dev vw4 lladdr 42:01:0a:80:00:02 PERMANENT 
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue\\    link/loopback 00:00:00:00:00:00\\    alias vb-x.net
3: vw4@if2: <BROADCAST,NOARP,UP,LOWER_UP> mtu 1460 qdisc noqueue\\    link/ether 02:00:5e:00:00:01 link-netns vb-x.vm
6: up0@if5: <BROADCAST,NOARP,UP,LOWER_UP> mtu 1460 qdisc noqueue\\    link/ether 02:00:5e:00:00:01 link-netns vb-x.up
`;

test('what a namespace has is told apart by interface, as if each had been asked about alone', () => {
  const { links, rest } = everythingOf(printed);
  expect([...links.keys()]).toEqual(['lo', 'vw4', 'up0']);
  expect(links.get('vw4')).toContain('link/ether 02:00:5e:00:00:01');
  expect(rest.get('vw4')).toEqual(['10.128.0.2 scope link ', '10.128.0.2 lladdr 42:01:0a:80:00:02 PERMANENT ']);
  expect(rest.get('up0')).toEqual([
    'up0    inet 198.18.0.1/32 scope global up0\\       valid_lft forever preferred_lft forever',
    'default via 192.0.2.1 onlink ',
  ]);
});

test('an interface that is not there has nothing', () => {
  const { links, rest } = everythingOf('');
  expect([links.size, rest.get('vw4')]).toEqual([0, undefined]);
});
