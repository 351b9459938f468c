import { execFile, execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDeployment, type TestDeployment } from '../deployment.ts';
import { answers, type Tries, triesOf } from '../fabric-lab.ts';

let lab: TestDeployment;
let tries: Tries;

const A = '10.1.0.10';
const B = '10.1.0.20';

interface Wish {
  readonly policies?: string;
  readonly duplicates?: 'keep' | 'drop';
}

const site = ({ policies = '', duplicates = 'keep' }: Wish = {}) => `
project: glass
services: { ids: {}, servicenetworking: {} }
networks: { office: {} }
subnets:
  office-east: { network: office, region: us-east1, range: 10.1.0.0/24 }
  other-east: { network: office, region: us-east1, range: 10.2.0.0/24 }
addresses:
  range: { type: internal, purpose: vpcPeering, network: office, address: 10.10.10.0, prefixLength: 24 }
privateConnections:
  services: { network: office, ranges: [range] }
firewallRules:
  most: { network: office, rules: [icmp, "tcp:80", udp] }
instances:
  a: { zone: us-east1-b, tags: [north], interfaces: [{ subnet: office-east, address: ${A} }] }
  b:
    zone: us-east1-b
    tags: [south]
    interfaces: [{ subnet: office-east, address: ${B} }]
    startupScript: |${answers(80)}
  c: { zone: us-east1-b, interfaces: [{ subnet: other-east, address: 10.2.0.30 }] }
idsEndpoints:
  eye: { network: office, zone: us-east1-b, duplicates: ${duplicates} }
  second: { network: office, zone: us-east1-b, duplicates: drop }
packetMirrorings:
${policies || '  off: { network: office, collector: eye, sources: { instances: [a] }, enable: false }'}
`;

const policy = (name: string, rest: string): string => `  ${name}: { network: office, ${rest} }\n`;

beforeAll(async () => {
  lab = await startDeployment();
  tries = triesOf(lab);
  await lab.apply(site());
  await tries.listening('glass/b');
}, 600_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

const into = (name: string) => `--net=/run/netns/vb-${lab.deployment.id}.${name}`;

/** Listens at the collectors of an endpoint while something happens; gives each packet as "source > destination kind". */
async function seen(endpoint: string, happen: () => Promise<unknown>): Promise<{ sent: string[]; received: string[] }> {
  const listen = (port: string) => {
    let text = '';
    const filter = ['-lnn', '--immediate-mode', '-i', port, 'ip and not port 4790'];
    const child = execFile('nsenter', [into(`ids.glass.${endpoint}`), 'tcpdump', ...filter]);
    const ready = new Promise<void>((resolve) => {
      child.stderr?.on('data', (chunk: string) => chunk.includes('listening') && resolve());
      child.on('close', () => resolve());
    });
    child.stdout?.on('data', (chunk: string) => {
      text += chunk;
    });
    const closed = new Promise((resolve) => child.on('close', resolve));
    const end = async (): Promise<string[]> => {
      child.kill('SIGINT');
      await closed;
      return text.split('\n').flatMap((line) => {
        const [, from = '', to = '', rest = ''] = / IP (\S+) > (\S+): (\S+)/.exec(line) ?? [];
        if (from === '') return [];
        const address = (it: string) => it.split('.').slice(0, 4).join('.');
        return [`${address(from)} > ${address(to)} ${{ ICMP: 'icmp', Flags: 'tcp' }[rest] ?? 'udp'}`];
      });
    };
    return { ready, end };
  };
  const [sent, received] = [listen('x0'), listen('y0')];
  await Promise.all([sent.ready, received.ready]);
  await happen();
  await sleep(300);
  return { sent: await sent.end(), received: await received.end() };
}

/** The network's own count of the packets that a policy took. */
function taken(name: string): number {
  const text = execFileSync('nsenter', [
    into('net.glass.office'),
    'nft',
    'list',
    'table',
    'netdev',
    'mirror',
  ]).toString();
  const counts = [...text.matchAll(/counter packets (\d+) [^\n]*comment "([^"]+)"/g)];
  return counts
    .filter(([, , comment = '']) => comment.startsWith(`glass/packetMirroring/${name}:`) && !comment.endsWith(':copy'))
    .reduce((sum, [, packets]) => sum + Number(packets), 0);
}

const pingB = () => tries.sh('glass/a', `ping -c 2 -i 0.2 -W 1 ${B}`);
const everything = async () => {
  await pingB();
  await tries.sh('glass/a', `curl -s -m 2 http://${B}/; bash -c "echo x >/dev/udp/${B}/80"; ping -c 1 -W 1 10.2.0.30`);
};
const only = (list: readonly string[], kind: string): string[] => list.filter((it) => it.endsWith(kind)).sort();

test('a mirrored subnet shows every packet once, and the receivers’ copies apart; the traffic is not changed', async () => {
  await lab.apply(site({ policies: policy('all', 'collector: eye, sources: { subnets: [office-east] }') }));
  const before = taken('all');
  const { sent, received } = await seen('eye', everything);
  expect(only(sent, 'icmp')).toEqual(
    [
      ...Array(2).fill(`${A} > ${B} icmp`),
      ...Array(2).fill(`${B} > ${A} icmp`),
      `${A} > 10.2.0.30 icmp`,
      `10.2.0.30 > ${A} icmp`,
    ].sort(),
  );
  expect(only(received, 'icmp')).toEqual(
    [...Array(2).fill(`${A} > ${B} icmp`), ...Array(2).fill(`${B} > ${A} icmp`)].sort(),
  );
  expect(only(sent, 'tcp').length).toBe(only(received, 'tcp').length);
  expect(only(sent, 'udp')).toContain(`${A} > ${B} udp`);
  expect(taken('all') - before).toBe(sent.length);
  expect(await tries.ask('glass/a', B)).toBe(`${A} b`);
});

test('duplicates can be dropped', async () => {
  const policies = policy('all', 'collector: eye, sources: { subnets: [office-east] }');
  await lab.apply(site({ policies, duplicates: 'drop' }));
  const { sent, received } = await seen('eye', pingB);
  expect(sent.length).toBe(4);
  expect(received).toEqual([]);
});

test.each([
  ['a protocol', 'sources: { instances: [a] }, filter: { protocols: [tcp] }', (it: string) => it.endsWith('tcp')],
  [
    'what a host sends',
    'sources: { tags: [north] }, filter: { direction: egress }',
    (it: string) => it.startsWith(`${A} `),
  ],
  [
    'what a host receives',
    'sources: { tags: [north] }, filter: { direction: ingress }',
    (it: string) => it.includes(`> ${A} `),
  ],
  [
    'peers by address',
    'sources: { instances: [a] }, filter: { cidrRanges: [10.2.0.0/24] }',
    (it: string) => it.includes('10.2.0.30'),
  ],
  [
    'peers by address, of two mirrored hosts',
    'sources: { instances: [a, b] }, filter: { cidrRanges: [10.1.0.20/32], protocols: [icmp] }',
    (it: string) => it.includes(B) && it.endsWith('icmp'),
  ],
])('only %s is mirrored when a filter says so, counted on both sides', async (_, wish, wanted) => {
  await lab.apply(site({ policies: policy('some', `collector: eye, ${wish}`), duplicates: 'drop' }));
  const before = taken('some');
  const { sent } = await seen('eye', everything);
  expect(sent.length).toBeGreaterThan(0);
  expect(sent.filter((it) => !wanted(it))).toEqual([]);
  expect(taken('some') - before).toBe(sent.length);
  // Nothing that was asked for is missing: what the whole shows of it is what came.
  if (wish.includes('icmp')) expect(sent.length).toBe(4);
});

test('two policies that mirror both ends to one collector still show a packet once', async () => {
  const north = policy('north', 'collector: eye, sources: { tags: [north] }');
  const south = policy('south', 'collector: eye, sources: { tags: [south] }');
  await lab.apply(site({ policies: north + south, duplicates: 'drop' }));
  expect((await seen('eye', pingB)).sent.length).toBe(4);
});

test('the policy of the lowest number takes a packet, and a disabled one takes none', async () => {
  const first = (enable: boolean) =>
    policy(
      'first',
      `collector: second, priority: 10, enable: ${enable}, sources: { instances: [a] }, filter: { protocols: [icmp] }`,
    );
  const rest = policy('rest', 'collector: eye, priority: 20, sources: { instances: [a] }');
  await lab.apply(site({ policies: first(true) + rest, duplicates: 'drop' }));
  const before = taken('first');
  const { sent } = await seen('eye', everything);
  expect(sent.some((it) => it.endsWith('icmp'))).toBe(false);
  expect(sent.some((it) => it.endsWith('tcp'))).toBe(true);
  expect(taken('first') - before).toBe(6);
  await lab.apply(site({ policies: first(false) + rest, duplicates: 'drop' }));
  expect(only((await seen('eye', everything)).sent, 'icmp').length).toBe(6);
});

test('with every policy off nothing is mirrored', async () => {
  await lab.apply(site());
  expect((await seen('eye', everything)).sent).toEqual([]);
});
