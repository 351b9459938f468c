import { expect, test } from 'vitest';
import { capacityOf, chooseAddress, isClient } from './addresses.ts';
import { configurationOf } from './push.ts';

const network = '10.60.77.0/29';

test('a network gives each of its addresses once, and neither the server’s nor its ends', () => {
  const taken = new Set<string>();
  for (let index = 0; ; index++) {
    const found = chooseAddress(network, { person: `person-${index}`, taken });
    if (found === undefined) break;
    expect(taken.has(found)).toBe(false);
    taken.add(found);
  }
  expect([...taken].sort()).toEqual(['10.60.77.2', '10.60.77.3', '10.60.77.4', '10.60.77.5', '10.60.77.6']);
  expect(capacityOf(network)).toBe(5);
});

test('people get the address that they had, and without that the same on every gateway', () => {
  const one = chooseAddress(network, { person: 'alice@example.com', taken: new Set() });
  expect(chooseAddress(network, { person: 'alice@example.com', taken: new Set() })).toBe(one);
  expect(chooseAddress(network, { person: 'alice@example.com', kept: '10.60.77.6', taken: new Set() })).toBe(
    '10.60.77.6',
  );
  const other = chooseAddress(network, {
    person: 'alice@example.com',
    kept: '10.60.77.6',
    taken: new Set(['10.60.77.6']),
  });
  expect(other).not.toBe('10.60.77.6');
  // Of another network, from before somebody changed it.
  expect(isClient(network, chooseAddress(network, { person: 'x', kept: '10.60.78.6', taken: new Set() }) ?? '')).toBe(
    true,
  );
});

test('a client is told its address, its routes and its resolvers', () => {
  const file = { routes: ['10.200.0.0/16'], dnsServers: ['10.200.0.1'], searchDomain: 'example.com' };
  const times = { pingSeconds: 5, timeoutSeconds: 20 };
  const at = { network, address: '10.60.77.3', transport: 'udp' as const };
  expect(configurationOf({ ...file, ...times, fullTunnel: false }, at)).toEqual([
    'ifconfig-push 10.60.77.3 255.255.255.248',
    'push "topology subnet"',
    'push "explicit-exit-notify 1"',
    'push "route-gateway 10.60.77.1"',
    'push "ping 5"',
    'push "ping-restart 20"',
    'push "route 10.200.0.0 255.255.0.0"',
    'push "dhcp-option DNS 10.200.0.1"',
    'push "dhcp-option DOMAIN example.com"',
  ]);
  const all = configurationOf({ routes: [], dnsServers: [], ...times, fullTunnel: true }, at);
  expect(all).toContain('push "redirect-gateway def1"');
});
