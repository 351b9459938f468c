import { expect, test } from 'vitest';
import type { Snapshot } from '#core/resource.ts';
import { emptySnapshot } from '#core/snapshot.ts';
import type { FirewallHit } from '#engines/ulogd/packet.ts';
import { admit } from '#plan/admit.ts';
import { parseSite } from '#plan/site.ts';
import { firewallEntry } from '../entries/firewall.ts';
import { firewallLogs, firewallRecord } from './firewall.ts';
import { placesIn, placesOf } from './places.ts';

const site = `
project: lab
networks: { net: {} }
subnets: { east: { network: net, region: us-east1, range: 10.1.0.0/24 } }
firewallRules:
  web: { network: net, rules: ["tcp:80", "tcp:8000-8100", icmp], sourceTags: [client], targetTags: [web], logging: true }
  no-dns: { network: net, direction: egress, priority: 50, action: deny, rules: ["udp:53"], logging: true }
instances:
  server: { zone: us-east1-b, interfaces: [{ subnet: east, address: 10.1.0.20 }], tags: [web] }
  client: { zone: us-east1-c, interfaces: [{ subnet: east, address: 10.1.0.10 }], tags: [client] }
  visitor: { zone: us-west1-a, interfaces: [{ network: internet, address: 198.51.100.7 }] }
`;

function snapshotOf(text: string): Snapshot {
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text }]);
  const { snapshot, problems } = admit(declared, emptySnapshot, unread);
  expect(problems).toEqual([]);
  return snapshot;
}

const snapshot = snapshotOf(site);
const places = placesOf(snapshot);
const receivedAt = '2026-01-31T10:00:01Z';
const net = { project: 'lab', name: 'net' };

const hit = (it: Partial<FirewallHit>): FirewallHit => ({
  at: '2026-01-31T10:00:00.000001Z',
  prefix: '',
  in: 'va',
  out: 'vb',
  source: { address: '10.1.0.10', port: 40_000 },
  destination: { address: '10.1.0.20', port: 80 },
  protocol: 6,
  mark: 0,
  bytes: 60,
  action: 'allow',
  rule: 'lab/firewallRule/web',
  ...it,
});

const server = { project: 'lab', name: 'server', region: 'us-east1', zone: 'us-east1-b' };
const client = { ...server, name: 'client', zone: 'us-east1-c' };
const vpc = { project: 'lab', name: 'net', subnet: 'east' };

test('an allowed packet names both hosts, their network, and the rule with its tags and ports', () => {
  const record = firewallRecord(hit({}), net, { places, receivedAt });
  expect(record).toEqual({
    project: 'lab',
    at: '2026-01-31T10:00:00.000001Z',
    receivedAt,
    source: { address: '10.1.0.10', port: 40_000 },
    destination: { address: '10.1.0.20', port: 80 },
    protocol: 6,
    disposition: 'ALLOWED',
    rule: {
      network: 'net',
      name: 'web',
      priority: 1000,
      direction: 'INGRESS',
      sourceTags: ['client'],
      targetTags: ['web'],
      ports: [
        { protocol: 'tcp', ranges: ['80', '8000-8100'] },
        { protocol: 'icmp', ranges: [] },
      ],
    },
    instance: server,
    network: vpc,
    remoteInstance: client,
    remoteNetwork: vpc,
    location: 'us-east1',
  });
});

test('an egress rule is judged at the sender, and a host outside is named without a network', () => {
  const outgoing = hit({
    action: 'deny',
    rule: 'lab/firewallRule/no-dns',
    destination: { address: '198.51.100.7', port: 53 },
    protocol: 17,
  });
  const record = firewallRecord(outgoing, net, { places, receivedAt });
  expect(record).toMatchObject({
    disposition: 'DENIED',
    rule: { name: 'no-dns', direction: 'EGRESS', priority: 50, destinationRanges: ['0.0.0.0/0'] },
    instance: client,
    remoteInstance: { name: 'visitor' },
  });
  expect(record).not.toHaveProperty('remoteNetwork');
  expect(record.rule).not.toHaveProperty('sourceRanges');
});

test('the implied deny is shown as the rule that it stands for', () => {
  const record = firewallRecord(hit({ action: 'deny', rule: 'implied-deny-ingress' }), net, { places, receivedAt });
  expect(firewallEntry(record).jsonPayload?.['rule_details']).toEqual({
    reference: 'network:net/firewall:implied-deny-ingress',
    priority: 65_535,
    action: 'DENY',
    direction: 'INGRESS',
    source_range: ['0.0.0.0/0'],
    ip_port_info: [{ ip_protocol: 'ALL' }],
  });
});

test('a rule that nobody knows any more keeps its name, and strangers at both ends make no mistake', () => {
  const stray = hit({
    rule: 'lab/firewallRule/gone',
    source: { address: '203.0.113.9' },
    destination: { address: '10.1.0.99' },
    protocol: 1,
  });
  const { jsonPayload, resource } = firewallEntry(firewallRecord(stray, net, { places, receivedAt }));
  expect(jsonPayload).toEqual({
    connection: { src_ip: '203.0.113.9', dest_ip: '10.1.0.99', protocol: 1 },
    disposition: 'ALLOWED',
    rule_details: { reference: 'network:net/firewall:gone', action: 'ALLOW' },
    vpc: { project_id: 'lab', vpc_name: 'net', subnetwork_name: 'east' },
  });
  expect(resource.labels).toEqual({ project_id: 'lab', location: 'us-east1', subnetwork_name: 'east' });
});

test('a packet that was logged before or while a change is applied is understood all the same', () => {
  const before = placesOf(snapshotOf(site.replace('  web:', '  old:')));
  const all = placesIn([places, before]);
  expect(all.ruleOf('lab/firewallRule/old')?.spec.targetTags).toEqual(['web']);
  expect(all.ruleOf('lab/firewallRule/web')?.spec.targetTags).toEqual(['web']);
});

test('every network is followed in its own file, and a line that is no packet is told apart', () => {
  const deployment = { id: 'abcd', run: '/run/x', hostState: '/state/host' };
  const [log, ...more] = firewallLogs(snapshot, { deployment, places: () => places, now: () => new Date(0) });
  expect(more).toEqual([]);
  expect(log).toMatchObject({ name: 'firewall/lab/net', file: '/state/host/packets/lab.network.net.json' });
  expect(log?.isOlder?.('lab.network.net.json.1')).toBe(true);
  expect(log?.isOlder?.('lab.network.net2.json')).toBe(false);
  expect(log?.entryOf('{"oob.prefix": 7', 0)).toEqual({ malformed: 'no packet' });
  const packet = { 'ip.protocol': 6, 'oob.time.sec': 1, src_ip: '10.1.0.10', dest_ip: '10.1.0.20', dest_port: 80 };
  expect(log?.entryOf(JSON.stringify(packet), 0)).toEqual({ malformed: 'no rule is named' });
  const logged = { ...packet, 'oob.prefix': 'deny:lab/firewallRule/web' };
  expect(log?.entryOf(JSON.stringify(logged), 0)).toMatchObject({ jsonPayload: { disposition: 'DENIED' } });
});
