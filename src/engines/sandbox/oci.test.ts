import { expect, test } from 'vitest';
import { bootDigest, placeOf, SandboxInput, taskLimit } from './input.ts';
import { renderConfig, renderHosts, renderResolver } from './oci.ts';

const machine = { deployment: 'ab12', state: '/var/lib/vauban/host', run: '/run/vauban/ab12' };

const server = SandboxInput.parse({
  name: 'lab/instance/server',
  image: 'debian-11',
  imageHash: '0123456789abcdef',
  hostname: 'server.us-east1-b.c.lab.internal',
  namespace: 'i.lab.server',
  cpus: 2,
  memoryMb: 4096,
  startupScript: '#! /bin/bash\napt-get update\n',
  running: true,
  resolver: { address: '169.254.169.254', search: ['c.lab.internal', 'google.internal'] },
  hosts: [{ address: '169.254.169.254', names: ['metadata.google.internal', 'metadata'] }],
});

const render = (input: SandboxInput) =>
  renderConfig(input, { place: placeOf(machine, input.name), netns: '/run/netns/vb-ab12.i.lab.server' });

test('an instance is rendered as a bundle that crun runs', async () => {
  await expect(render(server)).toMatchFileSnapshot('golden/server.config.json.txt');
});

test('the order of an environment never changes the bytes', () => {
  const one = render({ ...server, environment: { A: '1', B: '2' } });
  expect(render({ ...server, environment: { B: '2', A: '1' } })).toBe(one);
});

test('root inside is nobody outside and may neither mount nor configure networks', () => {
  const { linux, process } = JSON.parse(render(server));
  expect(linux.uidMappings).toEqual([{ containerID: 0, hostID: 100_000, size: 65_536 }]);
  for (const right of ['CAP_SYS_ADMIN', 'CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_PTRACE', 'CAP_MKNOD']) {
    expect(process.capabilities.bounding).not.toContain(right);
  }
  const allowed = linux.seccomp.syscalls.filter((it: { action: string }) => it.action === 'SCMP_ACT_ALLOW');
  const names = allowed.flatMap((it: { names: string[] }) => it.names);
  for (const call of ['mount', 'unshare', 'setns', 'bpf', 'keyctl', 'io_uring_setup'])
    expect(names).not.toContain(call);
});

test('only what an instance cannot change while it runs makes it boot anew', () => {
  const digest = bootDigest(server);
  expect(bootDigest({ ...server, startupScript: 'true', running: false, hosts: [] })).toBe(digest);
  expect(bootDigest({ ...server, imageHash: 'fedcba9876543210' })).toBe(digest);
  expect(bootDigest({ ...server, memoryMb: 8192 })).not.toBe(digest);
  expect(bootDigest({ ...server, namespace: 'other' })).not.toBe(digest);
});

test('names reach the instance as resolv.conf and hosts', () => {
  expect(renderResolver(server.resolver)).toBe(
    'search c.lab.internal google.internal\nnameserver 169.254.169.254\noptions timeout:2 attempts:2\n',
  );
  expect(renderHosts(server)).toBe(`127.0.0.1 localhost
127.0.1.1 server.us-east1-b.c.lab.internal server
::1 localhost ip6-localhost ip6-loopback
169.254.169.254 metadata.google.internal metadata
`);
});

test('two deployments and two names never share a place', () => {
  const one = placeOf(machine, 'lab/instance/server');
  const other = placeOf(machine, 'other/instance/server');
  const elsewhere = placeOf({ ...machine, deployment: 'cd34', run: '/run/vauban/cd34' }, 'lab/instance/server');
  expect(new Set([one.service, other.service]).size).toBe(2);
  expect(new Set([one.container, other.container, elsewhere.container]).size).toBe(3);
  expect(new Set([one.cgroup, other.cgroup, elsewhere.cgroup]).size).toBe(3);
});

test('a small host may hold fewer processes than a large one', () => {
  expect(taskLimit({ memoryMb: 512 })).toBe(512);
  expect(taskLimit({ memoryMb: 1_000_000 })).toBe(16_384);
});

test('a host name or a search domain that could end its line is refused', () => {
  for (const hostile of ['a b', 'a\nb', '', '-a', 'a"']) {
    expect(SandboxInput.safeParse({ ...server, hostname: hostile }).success).toBe(false);
    const resolver = { ...server.resolver, search: [`${hostile}\nnameserver 1.2.3.4`] };
    expect(SandboxInput.safeParse({ ...server, resolver }).success).toBe(false);
  }
});
