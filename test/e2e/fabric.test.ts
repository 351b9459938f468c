import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDeployment, type TestDeployment } from '../deployment.ts';
import { answers, type Tries, triesOf } from '../fabric-lab.ts';

let lab: TestDeployment;
let tries: Tries;

/** Two networks of one project and one of another, all with the same range, an auto mode network, a host outside. */
const site = ({ front = 'externalAddress: front' } = {}) => `
project: one
networks:
  left: {}
  right: {}
  wide: { mode: auto }
  shut: { defaultInternetRoute: false }
subnets:
  left-east: { network: left, region: us-east1, range: 10.1.0.0/24 }
  right-east: { network: right, region: us-east1, range: 10.1.0.0/24 }
  shut-east: { network: shut, region: us-east1, range: 10.3.0.0/24 }
  wide-extra: { network: wide, region: us-east1, range: 10.2.0.0/24 }
addresses:
  front: { address: 203.0.113.80 }
routers:
  left-east: { network: left, region: us-east1 }
nats:
  left-east: { router: left-east }
firewallRules:
  left-web: { network: left, rules: ["tcp:80", icmp], targetTags: [web] }
  left-far: { network: left, rules: [all], sourceRanges: [10.142.0.0/20] }
  left-through: { network: left, rules: ["tcp:80"], sourceRanges: [10.1.0.0/24], targetTags: [gateway] }
  right-all: { network: right, rules: [all] }
  wide-all: { network: wide, rules: [all] }
instances:
  plain:
    zone: us-east1-b
    interfaces: [{ subnet: left-east, address: 10.1.0.10 }]
    startupScript: |${answers(80)}
  web:
    zone: us-east1-b
    interfaces: [{ subnet: left-east, address: 10.1.0.11, ${front} }]
    tags: [web]
    startupScript: |${answers(80, 81)}
  twin:
    zone: us-east1-b
    interfaces: [{ subnet: right-east, address: 10.1.0.11 }]
    startupScript: |${answers(80)}
  between:
    zone: us-east1-b
    canIpForward: true
    tags: [gateway]
    interfaces: [{ subnet: left-east, address: 10.1.0.30 }, { network: wide, subnet: wide-us-east1 }]
  far:
    zone: us-east1-c
    interfaces: [{ network: wide, subnet: wide-us-east1, address: 10.142.0.9 }]
    startupScript: |${answers(80)}
  outside:
    zone: us-east1-b
    interfaces: [{ network: internet, address: 198.51.100.7 }]
    startupScript: |${answers(80)}
routes:
  to-wide: { network: left, destination: 10.142.0.0/20, nextHopInstance: between }
  to-left: { network: wide, destination: 10.1.0.0/24, nextHopInstance: between }
---
project: two
networks:
  left: {}
subnets:
  left-east: { network: left, region: us-east1, range: 10.1.0.0/24 }
firewallRules:
  all: { network: left, rules: [all] }
instances:
  web:
    zone: us-east1-b
    interfaces: [{ subnet: left-east, address: 10.1.0.11 }]
    startupScript: |${answers(80)}
  plain: { zone: us-east1-b, interfaces: [{ subnet: left-east, address: 10.1.0.12 }] }
`;

beforeAll(async () => {
  lab = await startDeployment();
  tries = triesOf(lab);
  await lab.apply(site());
  for (const host of ['one/plain', 'one/web', 'one/twin', 'one/far', 'one/outside', 'two/web'])
    await tries.listening(host);
}, 600_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('networks with equal ranges are apart, in one project and in two', async () => {
  expect(await tries.ask('one/plain', '10.1.0.11')).toBe('10.1.0.10 web');
  expect(await tries.ask('one/twin', '10.1.0.11')).toBe('10.1.0.11 twin');
  expect(await tries.ask('two/plain', '10.1.0.11')).toBe('10.1.0.12 web');
  expect(await tries.ping('one/twin', '10.1.0.10')).toBe(false);
  expect(await tries.ping('two/plain', '10.1.0.10')).toBe(false);
});

test('rules judge hosts of one subnet too, and the gateway answers to nobody', async () => {
  expect(await tries.ask('one/plain', '10.1.0.11', 81)).toBe('');
  expect(await tries.ping('one/plain', '10.1.0.11')).toBe(true);
  expect(await tries.ask('one/web', '10.1.0.10')).toBe('');
  expect(await tries.ping('one/plain', '10.1.0.1')).toBe(false);
  expect(await tries.ping('one/plain', '169.254.169.254')).toBe(false);
  expect(await tries.sh('one/plain', 'nc -z -w1 10.1.0.1 53 || nc -z -w1 169.254.169.254 22 || echo silent')).toBe(
    'silent',
  );
});

test('a host behind NAT is seen outside with the NAT address, and nothing outside can come in', async () => {
  expect(await tries.ask('one/plain', '198.51.100.7')).toBe('203.0.113.1 outside');
  expect(await tries.ping('one/plain', '198.51.100.7')).toBe(true);
  expect(await tries.ask('one/outside', '203.0.113.1')).toBe('');
  expect(await tries.ask('one/outside', '10.1.0.11')).toBe('');
  expect(await tries.ping('one/outside', '203.0.113.1')).toBe(false);
  // Whoever outside can reach the network's own end of the uplink is heard by nothing there either.
  expect(await tries.ping('one/outside', '198.18.0.1')).toBe(false);
});

test('a network without NAT or an external address reaches nothing outside', async () => {
  expect(await tries.ask('one/twin', '198.51.100.7')).toBe('');
  expect(await tries.ping('two/plain', '198.51.100.7')).toBe(false);
});

test('an external address is one to one in both directions, as far as rules allow, also from inside', async () => {
  expect(await tries.ask('one/web', '198.51.100.7')).toBe('203.0.113.80 outside');
  expect(await tries.ask('one/outside', '203.0.113.80')).toBe('198.51.100.7 web');
  expect(await tries.ask('one/outside', '203.0.113.80', 81)).toBe('');
  expect(await tries.ping('one/outside', '203.0.113.80')).toBe(true);
  expect(await tries.ask('one/plain', '203.0.113.80')).toBe('203.0.113.1 web');
  expect(await tries.ask('one/web', '203.0.113.80')).toBe('203.0.113.80 web');
});

test('a packet with a forged source goes nowhere', async () => {
  const forged = `
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_IP, 19, 1)
try:
    s.bind(('10.1.0.99', 5000))
    s.sendto(b'forged', ('10.1.0.11', 80))
    print('sent')
except OSError as error:
    print(error)
`;
  // Inside, root of the host may not even make such packets: it has no raw sockets and no transparent ones.
  expect(await tries.sh('one/plain', `python3 -c "${forged.replaceAll('"', '\\"')}"`)).toMatch(/not permitted|assign/i);
  // From the host's namespace, with all the rights of the machine, the network still drops it at the port.
  const inside = (instance: string, command: string) => namespaced(`vm.one.${instance}`, command);
  const dropped = async () =>
    (await namespaced('net.one.left', 'nstat -asz TcpExtIPReversePathFilter')).match(/Filter\s+(\d+)/)?.[1];
  const before = Number(await dropped());
  await inside('plain', 'ip addr add 10.1.0.99/32 dev lo');
  await inside('plain', 'ping -c 2 -i 0.2 -W 1 -I 10.1.0.99 10.1.0.11 || true');
  expect(Number(await dropped())).toBe(before + 2);
  await inside('plain', 'ip addr del 10.1.0.99/32 dev lo');
});

test('auto mode gives every region its own /20, and takes further subnets outside of its block', async () => {
  const { items } = await lab.client.get<{ items: { name: string; spec: { network: string; range: string } }[] }>(
    '/v1/projects/one/subnets',
  );
  const wide = items.filter((it) => it.spec.network === 'wide');
  expect(wide.length).toBe(44);
  expect(wide.find((it) => it.name === 'wide-us-central1')?.spec.range).toBe('10.128.0.0/20');
  const inside = site().replace('10.2.0.0/24', '10.255.0.0/24');
  await expect(lab.apply(inside)).rejects.toThrow('10.255.0.0/24 is inside 10.128.0.0/9');
  await expect(
    lab.apply(site().replace('wide-extra: { network: wide', 'wide-extra: { network: left')),
  ).resolves.toBeDefined();
  await lab.apply(site());
});

test('a route through a host that forwards carries both directions, over its two interfaces', async () => {
  // What is sent on is received by the host in between, so its rules must let it in.
  expect(await tries.ask('one/plain', '10.142.0.9')).toBe('10.1.0.10 far');
  expect(await tries.ping('one/plain', '10.142.0.9')).toBe(false);
  expect(await tries.ask('one/far', '10.1.0.10')).toBe('10.142.0.9 plain');
  expect(await tries.sh('one/between', 'ip -o -4 addr show up scope global')).toMatch(
    /eth0 .*10\.1\.0\.30\/32[\s\S]*eth1 .*10\.142\./,
  );
});

test('hosts outside know each other by name, and networks know them too', async () => {
  expect(await tries.sh('one/outside', 'getent hosts outside.internet')).toMatch(/^(127\.0\.1\.1|198\.51\.100\.7)/);
  expect(await tries.ask('one/plain', 'outside.internet')).toBe('203.0.113.1 outside');
  expect(await tries.sh('one/plain', 'getent hosts 198.51.100.7')).toContain('outside.internet');
  expect(await tries.sh('one/outside', 'getent hosts plain.c.one.internal || echo none')).toBe('none');
});

test('a reserved address outlives the host that had it', async () => {
  await lab.apply(site({ front: 'externalAddress: none' }));
  expect(await tries.ask('one/outside', '203.0.113.80')).toBe('');
  expect(await tries.ask('one/web', '198.51.100.7')).toBe('203.0.113.1 outside');
  expect((await lab.vauban('delete', '--project', 'one', 'instance', 'web')).code).toBe(0);
  await lab.apply(site());
  await tries.listening('one/web');
  expect(await tries.ask('one/outside', '203.0.113.80')).toBe('198.51.100.7 web');
});

test('an external address is refused where there is no way to the internet', async () => {
  const shut = site().replace('subnet: left-east, address: 10.1.0.10', 'subnet: shut-east, externalAddress: ephemeral');
  await expect(lab.apply(shut)).rejects.toThrow('network shut has no route to the internet');
});

async function namespaced(name: string, command: string): Promise<string> {
  const { execFileSync } = await import('node:child_process');
  const netns = `--net=/run/netns/vb-${lab.deployment.id}.${name}`;
  return execFileSync('nsenter', [netns, 'sh', '-c', command], { encoding: 'utf8' });
}

test('two hosts swap their addresses in one change, and are found under the new ones', async () => {
  const [web, plain] = ['address: 10.1.0.11 }]\n    startupScript', 'address: 10.1.0.12 }]'];
  const [one = '', two = ''] = site().split('---');
  const swapped = two.replace(web, web.replace('.11', '.99')).replace(plain, plain.replace('.12', '.11'));
  await lab.apply(`${one}---${swapped.replace('10.1.0.99', '10.1.0.12')}`);
  await tries.listening('two/web');
  expect(await tries.ask('two/plain', '10.1.0.12')).toBe('10.1.0.11 web');
  expect(await tries.ping('two/web', '10.1.0.11')).toBe(true);
  expect(await tries.ask('one/plain', '10.1.0.11')).toBe('10.1.0.10 web');
  await lab.apply(site());
  await tries.listening('two/web');
  expect(await tries.ask('two/plain', '10.1.0.11')).toBe('10.1.0.12 web');
});
