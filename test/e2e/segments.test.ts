import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localHost } from '#control/link/host.ts';
import { eventually, siteFile, startDeployment, type TestDeployment } from '../deployment.ts';
import { answers, type Tries, triesOf } from '../fabric-lab.ts';
import { inNamespace, type TestMachine, testMachine } from '../machine.ts';
import { plugIn } from '../segment-lab.ts';

let lab: TestDeployment;
let machine: TestMachine;
let tries: Tries;

const site = (more = '', lan = '') => `
project: seg
segments:
  lan:
    range: 10.200.0.0/16${lan}
    dhcp:
      ranges: [{ first: 10.200.7.1, last: 10.200.7.9 }]
      reservations: [{ mac: "52:54:00:00:00:07", address: 10.200.0.77, name: printer }]
      options: [{ code: 42, values: [10.200.0.5] }]
      leaseSeconds: 120
  ha: { range: 192.168.2.0/29 }
  ext:
    range: 192.168.1.0/29
    publicBlocks: [{ range: 147.135.161.152/29, router: 147.135.161.158 }]
instances:
  fixed:
    zone: us-east1-b
    interfaces: [{ segment: lan, address: 10.200.0.20 }, { segment: ha }]
    metadata: { ssh-keys: "alice:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPtAzQpDPKoHpPIOcOJVFqTSm6pAzLjNQXTlNQ0SYFZ alice" }
    startupScript: |${answers(80)}
  asking: { zone: us-east1-b, interfaces: [{ segment: lan, addressing: dhcp }] }
  named: { zone: us-east1-b, interfaces: [{ segment: lan, addressing: dhcp, address: 10.200.0.40 }] }
  public:
    zone: us-east1-b
    interfaces: [{ segment: ext, address: 147.135.161.153 }]
    startupScript: |${answers(80)}
  outside:
    zone: us-east1-b
    interfaces: [{ network: internet, address: 203.0.113.50 }]
    startupScript: |${answers(80)}
${more}`;

beforeAll(async () => {
  [lab, machine] = await Promise.all([startDeployment(), testMachine()]);
  tries = triesOf(lab);
  await lab.apply(site());
}, 600_000);

afterAll(async () => {
  await machine?.cleanup();
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

const META = '169.254.169.254';
const namespaceOf = (name: string): string => `vb-${lab.deployment.id}.${name}`;
const within = (namespace: string, command: string) =>
  machine.exec(inNamespace(namespaceOf(namespace), command.split(' ')));

test('hosts that ask get the address that was chosen for them, and one without a router has no way out', async () => {
  expect(await tries.sh('seg/asking', 'ip -4 -o addr show dev eth0')).toContain(' 10.200.0.2/16 ');
  expect(await tries.sh('seg/named', 'ip -4 -o addr show dev eth0')).toContain(' 10.200.0.40/16 ');
  expect(await tries.sh('seg/fixed', 'ip -4 -o addr show dev eth1')).toContain(' 192.168.2.2/29 ');
  expect(await tries.sh('seg/asking', 'ip route show default')).toBe('');
  expect(await tries.ping('seg/asking', '203.0.113.50')).toBe(false);
});

test('hosts find each other by ARP and by name, forward and backward', async () => {
  await tries.listening('seg/fixed');
  expect(await tries.ask('seg/asking', 'fixed')).toBe('10.200.0.2 fixed');
  expect(await tries.sh('seg/asking', 'ip neigh show 10.200.0.20')).toMatch(/lladdr 06:/);
  expect(await tries.sh('seg/fixed', 'getent hosts named')).toContain('10.200.0.40');
  expect(await tries.sh('seg/fixed', 'getent hosts 10.200.0.2')).toContain('asking.lan.seg.internal');
  expect(await tries.sh('seg/asking', 'hostname -f')).toBe('asking.lan.seg.internal');
  expect(await tries.sh('seg/asking', 'getent hosts nobody; getent hosts www.example.org; echo end')).toBe('end');
});

test('a host finds its metadata by a cable of its own: nobody on the switch asks or answers in the place of another', async () => {
  const value = (path: string): string =>
    `curl -s -m 5 -H 'Metadata-Flavor: Google' http://metadata.google.internal/computeMetadata/v1/instance/${path}`;
  expect(await tries.sh('seg/asking', value('name'))).toBe('asking');
  expect(await tries.sh('seg/fixed', value('hostname'))).toBe('fixed.lan.seg.internal');
  expect(await tries.sh('seg/public', value('network-interfaces/0/ip').replace('metadata.google.internal', META))).toBe(
    '147.135.161.153',
  );
  // A key in metadata makes an account, as on networks.
  await eventually(
    () => tries.sh('seg/fixed', 'id -nG alice 2>/dev/null; true'),
    (it) => it.includes('google-sudoers'),
    60,
  );
  // Somebody on the switch with both addresses: nobody hears him, and he hears nothing.
  const forger = await plugIn(machine, lab, { segment: 'seg.lan' });
  for (const it of [`${META}/16`, '10.200.0.21/16']) await forger.sh(`ip addr add ${it} dev eth0`);
  const announce = `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
own = s.getsockname()[4]
for to in [b'\\xff' * 6]:
    for kind in [1, 2]:
        s.send(to + own + bytes.fromhex('080600010800060400') + bytes([kind]) + (own + socket.inet_aton('${META}')) * 2)`;
  await forger.python(announce);
  expect(await tries.sh('seg/asking', value('name').replace('metadata.google.internal', META))).toBe('asking');
  expect(await tries.sh('seg/asking', `ip neigh show ${META}`)).toMatch(/dev meta0 .*PERMANENT/);
});

test('a stock client that nobody knows gets a lease with all options, and its name is known', async () => {
  const laptop = await plugIn(machine, lab, { segment: 'seg.lan' });
  const lease = await laptop.lease('laptop');
  expect(lease).toMatchObject({
    'fixed-address': expect.stringMatching(/^10\.200\.7\.[1-9]$/),
    'subnet-mask': '255.255.0.0',
    'domain-name-servers': '10.200.255.254',
    'domain-name': '"lan.seg.internal"',
    'ntp-servers': '10.200.0.5',
    'dhcp-lease-time': '120',
  });
  expect(lease).not.toHaveProperty('routers');
  const address = lease?.['fixed-address'] ?? '';
  expect(await tries.sh('seg/fixed', 'getent hosts laptop')).toContain(address);
  expect(await tries.sh('seg/fixed', `getent hosts ${address}`)).toContain('laptop.lan.seg.internal');
  expect(await tries.ping('seg/fixed', address)).toBe(true);
  expect((await lab.vauban('get', 'segments')).stdout).toMatch(/lan .* 3 /);
}, 120_000);

test('a reservation is kept for its Ethernet address, and where there are no ranges nobody else gets a lease', async () => {
  const printer = await plugIn(machine, lab, { segment: 'seg.lan', mac: '52:54:00:00:00:07' });
  expect(await printer.lease('whatever')).toMatchObject({ 'fixed-address': '10.200.0.77' });
  expect(await tries.sh('seg/fixed', 'getent hosts printer')).toContain('10.200.0.77');
  const other = await plugIn(machine, lab, { segment: 'seg.ha' });
  expect(await other.lease('other')).toBeUndefined();
}, 120_000);

/** Asks the segment's server; prints how it answers and how many records there are. */
const query = (name: string, type: number) => `python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
name = b''.join(bytes([len(it)]) + it.encode() for it in '${name}'.split('.')) + bytes(1)
s.sendto(b'ab' + bytes.fromhex('01000001000000000000') + name + (${type}).to_bytes(2, 'big') + bytes([0, 1]), ('10.200.255.254', 53))
got = s.recv(4096)
print(got[3] & 15, int.from_bytes(got[6:8], 'big'))
"`;

test('the server of a segment asks the upstream that it was given; a URL profile keeps from hosts what would lead past it', async () => {
  const upstream = await plugIn(machine, lab, { segment: 'seg.lan' });
  await upstream.sh('ip addr add 10.200.0.60/16 dev eth0');
  const [program = '', ...words] = inNamespace(machine.namespace(upstream.namespace), [
    ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--pid-file'],
    ...['--user=root', '--bind-interfaces', '--listen-address=10.200.0.60', '--dns-rr=www.example.org,65,00010000'],
    ...['--host-record=www.example.org,198.51.100.9', '--host-record=use-application-dns.net,198.51.100.8'],
  ]);
  const child = spawn(program, words, { stdio: 'ignore' });
  const answers = async () => {
    const asked = [
      ['www.example.org', 1],
      ['www.example.org', 65],
      ['use-application-dns.net', 1],
      ['fixed.lan.seg.internal', 1],
    ] as const;
    return Promise.all(asked.map(([name, type]) => tries.sh('seg/asking', query(name, type))));
  };
  const gateway = `
gateways:
  edge:
    interfaces:
      - { name: ext, segment: ext, address: 147.135.161.154, external: true }
      - { name: lan, segment: lan, address: 10.200.0.61 }
    filterPolicy: office
urlProfiles: { staff: {} }
filterPolicies: { office: { rules: [{ name: out, action: pass, source: [network-lan], urlProfile: staff }] } }
`;
  const upstreams = '\n    dns: { upstream: [10.200.0.60] }';
  try {
    await lab.apply(site('', upstreams));
    // An address, a record about encrypted names, a name that only browsers ask for, and one of the segment's own.
    expect(await answers()).toEqual(['0 1', '0 1', '0 1', '0 1']);
    await lab.apply(site(gateway, upstreams));
    expect(await answers()).toEqual(['0 1', '0 0', '3 0', '0 1']);
  } finally {
    child.kill();
  }
  await lab.apply(site());
}, 120_000);

test('another address is taken up by the running host as soon as the site says so', async () => {
  await lab.apply(site().replace('address: 10.200.0.40', 'address: 10.200.0.41'));
  await eventually(
    () => tries.sh('seg/named', 'ip -4 -o addr show dev eth0'),
    (it) => it.includes(' 10.200.0.41/16 ') && !it.includes('10.200.0.40'),
    90,
  );
}, 120_000);

/** Listens for every frame; prints how many came whose payload or source is marked. */
const listen = (seconds: number) => `
import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(('eth0', 0))
s.settimeout(0.2)
seen = set()
end = time.time() + ${seconds}
while time.time() < end:
    try: frame = s.recv(2048)
    except TimeoutError: continue
    if b'marked' in frame: seen.add(frame[frame.index(b'marked'):][:8].decode())
print(' '.join(sorted(seen)))
`;

/** Frames that are made up, for five seconds: broadcast, multicast, to a host's own address, under its own address, ARP, another VLAN. */
const forge = (target: string) => `
import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
mac = lambda t: bytes.fromhex(t.replace(':', ''))
own, victim = s.getsockname()[4], mac('${target}')
frames = [(b'\\xff' * 6, own, 0x0800), (mac('01:00:5e:00:00:fb'), own, 0x0800), (victim, own, 0x0800), (b'\\xff' * 6, victim, 0x0800), (b'\\xff' * 6, own, 0x0806), (b'\\xff' * 6, own, 0x86dd)]
for _ in range(25):
    for number, (to, source, kind) in enumerate(frames):
        s.send(to + source + kind.to_bytes(2, 'big') + b'E' * 40 + b'marked-%d' % number)
    time.sleep(0.2)
`;

test('two segments are apart: no frame of the one is seen on the other, whatever it claims to be', async () => {
  const [near, sender] = [
    await plugIn(machine, lab, { segment: 'seg.lan' }),
    await plugIn(machine, lab, { segment: 'seg.lan' }),
  ];
  const far = await plugIn(machine, lab, { segment: 'seg.ha' });
  const heard = Promise.all([near.python(listen(7)), far.python(listen(7))]);
  await sender.python(forge(far.mac));
  const [here, there] = await heard;
  expect(here).toContain('marked-0 marked-1');
  expect(there ?? '').toBe('');
}, 60_000);

test('a public block is reached from the internet and reaches it, and only under its own addresses', async () => {
  await tries.listening('seg/public');
  expect(await tries.ask('seg/outside', '147.135.161.153')).toBe('203.0.113.50 public');
  expect(await tries.ask('seg/public', '203.0.113.50')).toBe('147.135.161.153 outside');
  expect(await tries.sh('seg/outside', 'getent hosts public.internet')).toContain('147.135.161.153');
  expect(await tries.ping('seg/outside', '147.135.161.154')).toBe(false);
}, 60_000);

test('what comes out of a block under an address of elsewhere goes no further than the internet’s router', async () => {
  const forger = await plugIn(machine, lab, { segment: 'seg.ext' });
  const ping = async (source: string): Promise<boolean> => {
    for (const words of [
      'addr flush dev eth0',
      `addr add ${source} dev eth0`,
      'route replace default via 147.135.161.158 dev eth0 onlink',
    ])
      await forger.sh(`ip ${words}`);
    return (await forger.run('ping -c 1 -W 2 203.0.113.50')).code === 0;
  };
  /** Echo requests that the host outside was asked by anybody. */
  const counted = async (): Promise<number> => {
    const [titles = '', numbers = ''] = (await tries.sh('seg/outside', 'grep ^Icmp: /proc/net/snmp')).split('\n');
    return Number(numbers.split(' ')[titles.split(' ').indexOf('InEchos')]);
  };
  expect(await ping('147.135.161.155/29')).toBe(true);
  const before = await counted();
  expect(await ping('203.0.113.77/32')).toBe(false);
  expect(await ping('10.200.0.20/32')).toBe(false);
  expect(await counted()).toBe(before);
}, 60_000);

/** The DHCP client of a host, as the machine counts. */
async function clientOf(host: string): Promise<number> {
  const { stdout } = await machine.exec(['ip', 'netns', 'pids', namespaceOf(`vm.seg.${host}`)]);
  for (const pid of stdout.split('\n').filter((it) => it !== ''))
    if ((await machine.exec(['cat', `/proc/${pid}/comm`])).stdout.trim() === 'udhcpc') return Number(pid);
  throw new Error(`no DHCP client in ${host}`);
}

test('leases are told with their ends, and a renewal moves the end', async () => {
  const end = async (): Promise<string> => {
    const { stdout } = await lab.vauban('leases', 'lan', '-o', 'json');
    const all = JSON.parse(stdout) as { address: string; name?: string; expireTime: string }[];
    return all.find((it) => it.name === 'asking' && it.address === '10.200.0.2')?.expireTime ?? '';
  };
  const before = await end();
  expect(Date.parse(before)).toBeGreaterThan(0);
  // Whoever listens to strangers on a segment has rights over its host's namespace, and none over the machine.
  const status = await machine.sh(`cat /proc/${await clientOf('asking')}/status`);
  expect(status).not.toMatch(/^Uid:.*\b0\b/m);
  expect(status).toMatch(/^CapBnd:\t0000000000003400$/m);
  process.kill(await clientOf('asking'), 'SIGUSR1');
  await eventually(end, (it) => it > before, 60);
  expect((await lab.vauban('leases', 'lan')).stdout).toMatch(/^ADDRESS +MAC +NAME +EXPIRES/);
}, 120_000);

test('segments need neither of our processes: hosts find each other and get leases without, and nothing is mended after', async () => {
  const svc = (...argv: string[]) => spawnSync('s6-svc', argv);
  const scan = (name: string): string => `${lab.deployment.scan}/${name}`;
  for (const name of ['vauban-control', 'vauban-host']) svc('-d', '-wD', '-T', '20000', scan(name));
  try {
    const [laptop, other] = [
      await plugIn(machine, lab, { segment: 'seg.lan' }),
      await plugIn(machine, lab, { segment: 'seg.lan' }),
    ];
    const lease = await laptop.lease('late');
    expect(lease?.['fixed-address']).toMatch(/^10\.200\.7\./);
    await other.sh('ip addr add 10.200.0.99/16 dev eth0');
    for (const address of ['10.200.0.20', '10.200.0.2', lease?.['fixed-address'] ?? ''])
      expect((await other.run(`ping -c 1 -W 2 ${address}`)).code).toBe(0);
  } finally {
    for (const name of ['vauban-host', 'vauban-control']) svc('-u', '-wU', '-T', '20000', scan(name));
  }
  const settled = await eventually(
    () =>
      localHost(lab.deployment.hostSocket)
        .status()
        .catch(() => undefined),
    (it) => it !== undefined && !it.busy,
    60,
  );
  expect(settled?.mended.filter((it) => /seg\.|dhcp|bridge/.test(it.artifact))).toEqual([]);
  // Control, which leads into the host, may start for longer.
  await eventually(
    () => tries.ping('seg/asking', '10.200.0.20'),
    (it) => it,
    60,
  );
}, 120_000);

test('what is done to a segment or a host’s lease by hand is put right', async () => {
  expect((await within('seg.seg.ha', 'ip link delete br0')).code).toBe(0);
  expect((await within('vm.seg.asking', 'ip addr flush dev eth0')).code).toBe(0);
  await eventually(
    async () => (await within('seg.seg.ha', 'ip -o link show master br0')).stdout.split('\n').length,
    (it) => it > 1,
    90,
  );
  await eventually(
    () => tries.ping('seg/asking', '10.200.0.20'),
    (it) => it,
    90,
  );
}, 200_000);

test('a segment goes on at an interface of the machine, and gives it back', async () => {
  const name = `vbt${machine.deployment}`;
  await machine.addNamespace('wire');
  await machine.sh(`ip link add ${name} type veth peer name eth0 netns ${machine.namespace('wire')}`);
  try {
    await machine.sh(`sysctl -q -w net.ipv6.conf.${name}.disable_ipv6=1`);
    await machine.sh('ip addr add 10.200.0.98/16 dev eth0', { namespace: 'wire' });
    await machine.sh('ip link set eth0 up', { namespace: 'wire' });
    await lab.apply(site().replace('range: 10.200.0.0/16', `range: 10.200.0.0/16\n    uplink: { interface: ${name} }`));
    await eventually(
      () => tries.ping('seg/asking', '10.200.0.98'),
      (it) => it,
    );
    expect((await machine.exec(['ping', '-c', '1', '-W', '2', '10.200.0.20'], { namespace: 'wire' })).code).toBe(0);
    const missing = lab.apply(
      site().replace('range: 10.200.0.0/16', 'range: 10.200.0.0/16\n    uplink: { interface: none9 }'),
    );
    await expect(missing).rejects.toMatchObject({ code: 'UNMET', message: 'this machine has no interface none9' });
    expect(await tries.ping('seg/asking', '10.200.0.98')).toBe(true);
    await lab.apply(site());
    expect(await tries.ping('seg/asking', '10.200.0.98')).toBe(false);
    expect(await machine.sh(`ip -o link show dev ${name}`)).toMatch(/,MULTICAST> /);
  } finally {
    await machine.exec(['ip', 'link', 'delete', name]);
  }
}, 120_000);

test('what is applied twice changes nothing', async () => {
  await lab.apply(site());
  const before = await within('seg.seg.lan', 'ip -o link');
  await lab.apply(site());
  expect((await within('seg.seg.lan', 'ip -o link')).stdout).toBe(before.stdout);
  const plan = await lab.vauban('plan', siteFile(`${machine.run}/site`, site()));
  expect([plan.code, plan.stdout]).toEqual([0, 'Nothing would change.\n']);
});

test('a segment that goes leaves nothing', async () => {
  expect((await within('internet', 'ip -o -4 addr')).stdout).toContain('147.135.161.158/29');
  await lab.apply(
    site()
      .replace(/ {2}ext:[\s\S]*?158 }]\n/, '')
      .replace(/ {2}public:[\s\S]*?(?= {2}outside:)/, ''),
  );
  expect((await within('internet', 'ip -o -4 addr')).stdout).not.toContain('147.135.161');
  expect((await within('internet', 'ip route')).stdout).not.toContain('147.135.161');
  expect(existsSync(`/run/netns/${namespaceOf('seg.seg.ext')}`)).toBe(false);
  expect(existsSync(`/run/netns/${namespaceOf('seg.seg.lan')}`)).toBe(true);
}, 60_000);
