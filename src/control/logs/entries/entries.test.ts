import { expect, test } from 'vitest';
import { auditEntry } from './audit.ts';
import { type FirewallRecord, firewallEntry } from './firewall.ts';
import { threatEntry, trafficEntry } from './ids.ts';
import { serialEntry } from './serial.ts';

const endpoint = {
  project: 'lab',
  zone: 'us-east1-b',
  endpoint: 'cloud-ids-east1',
  id: '619773b7-1@a1',
  network: 'cloud-ids',
  source: { address: '192.168.10.10', port: 59186 },
  destination: { address: '192.168.10.20', port: 80 },
  ipProtocol: 'tcp',
  application: 'web-browsing',
  sessionId: '282',
  repeatCount: 1,
} as const;

const envelope = {
  projectNumber: '424242',
  timestamp: '2024-05-27T22:42:30Z',
  receivedAt: '2024-05-27T22:42:33.114329769Z',
} as const;

const threat = {
  ...endpoint,
  alertTime: '2024-05-27T22:42:30Z',
  name: 'Bash Remote Code Execution Vulnerability',
  threatId: '36729',
  severity: 'CRITICAL',
  type: 'vulnerability',
  category: 'code-execution',
  direction: 'client-to-server',
  uriOrFilename: 'test-critical',
  cves: ['CVE-2014-6271', 'CVE-2014-7169'],
  description: 'Bash runs what follows a function definition in a variable.',
} as const;

test('a threat becomes the entry that Cloud IDS writes', () => {
  expect(threatEntry(threat, envelope)).toEqual({
    insertId: '619773b7-1@a1',
    logName: 'projects/lab/logs/ids.googleapis.com%2Fthreat',
    resource: {
      type: 'ids.googleapis.com/Endpoint',
      labels: { resource_container: 'projects/424242', location: 'us-east1-b', id: 'cloud-ids-east1' },
    },
    timestamp: '2024-05-27T22:42:30Z',
    receiveTimestamp: '2024-05-27T22:42:33.114329769Z',
    jsonPayload: {
      name: 'Bash Remote Code Execution Vulnerability',
      threat_id: '36729',
      alert_severity: 'CRITICAL',
      type: 'vulnerability',
      category: 'code-execution',
      alert_time: '2024-05-27T22:42:30Z',
      network: 'cloud-ids',
      source_ip_address: '192.168.10.10',
      source_port: '59186',
      destination_ip_address: '192.168.10.20',
      destination_port: '80',
      ip_protocol: 'tcp',
      application: 'web-browsing',
      session_id: '282',
      repeat_count: '1',
      direction: 'client-to-server',
      uri_or_filename: 'test-critical',
      cves: ['CVE-2014-6271', 'CVE-2014-7169'],
      details: 'Bash runs what follows a function definition in a variable.',
    },
  });
});

test('a threat without a CVE has no list of them', () => {
  expect(threatEntry({ ...threat, cves: [] }, envelope).jsonPayload).not.toHaveProperty('cves');
});

test('every value of a traffic entry is a text', () => {
  const session = {
    ...endpoint,
    startTime: '2024-05-27T22:42:27Z',
    elapsedSeconds: 3,
    totalBytes: 1200,
    totalPackets: 9,
  };
  const entry = trafficEntry(session, envelope);
  expect(Object.values(entry.jsonPayload ?? {}).every((value) => typeof value === 'string')).toBe(true);
  expect(entry.jsonPayload).toMatchObject({ elapsed_time: '3', total_bytes: '1200', total_packets: '9' });
});

const hit: FirewallRecord = {
  project: 'lab',
  at: '2024-05-27T22:42:30.5Z',
  receivedAt: '2024-05-27T22:42:31Z',
  source: { address: '203.0.113.9', port: 40000 },
  destination: { address: '192.168.10.20', port: 22 },
  protocol: 6,
  disposition: 'DENIED',
  rule: { network: 'cloud-ids', name: 'no-ssh', priority: 900, direction: 'INGRESS', sourceRanges: ['0.0.0.0/0'] },
  instance: { project: 'lab', name: 'server', region: 'us-east1', zone: 'us-east1-b' },
  network: { project: 'lab', name: 'cloud-ids', subnet: 'cloud-ids-useast1' },
  location: 'us-east1',
};

test('a packet that a rule denied becomes an entry of firewall rules logging', () => {
  expect(firewallEntry(hit)).toMatchObject({
    logName: 'projects/lab/logs/compute.googleapis.com%2Ffirewall',
    resource: { type: 'gce_subnetwork', labels: { subnetwork_name: 'cloud-ids-useast1' } },
    jsonPayload: {
      connection: { src_ip: '203.0.113.9', src_port: 40000, dest_ip: '192.168.10.20', dest_port: 22, protocol: 6 },
      disposition: 'DENIED',
      rule_details: {
        reference: 'network:cloud-ids/firewall:no-ssh',
        priority: 900,
        action: 'DENY',
        direction: 'INGRESS',
        source_range: ['0.0.0.0/0'],
      },
      instance: { project_id: 'lab', vm_name: 'server', region: 'us-east1', zone: 'us-east1-b' },
      vpc: { project_id: 'lab', vpc_name: 'cloud-ids', subnetwork_name: 'cloud-ids-useast1' },
    },
  });
});

test('a packet without ports has none in its entry, and the same packet always has the same insertId', () => {
  const ping = { ...hit, source: { address: '203.0.113.9' }, destination: { address: '192.168.10.20' }, protocol: 1 };
  expect(firewallEntry(ping).jsonPayload?.connection).toEqual({
    src_ip: '203.0.113.9',
    dest_ip: '192.168.10.20',
    protocol: 1,
  });
  expect(firewallEntry(ping)).toEqual(firewallEntry({ ...ping }));
  expect(firewallEntry(ping).insertId).not.toBe(firewallEntry(hit).insertId);
});

test('a refused request is an error in the audit log, with its reason', () => {
  const entry = auditEntry({
    project: 'lab',
    id: 'op-7',
    at: '2024-05-27T22:42:30Z',
    principal: 'ada@example.com',
    service: 'compute.googleapis.com',
    method: 'v1.compute.firewalls.insert',
    resource: 'projects/lab/global/firewalls/allow-web',
    callerIp: '127.0.0.1',
    failure: { code: 7, message: 'no role' },
  });
  expect(entry).toMatchObject({
    logName: 'projects/lab/logs/cloudaudit.googleapis.com%2Factivity',
    severity: 'ERROR',
    protoPayload: {
      methodName: 'v1.compute.firewalls.insert',
      resourceName: 'projects/lab/global/firewalls/allow-web',
      authenticationInfo: { principalEmail: 'ada@example.com' },
      requestMetadata: { callerIp: '127.0.0.1' },
      status: { code: 7, message: 'no role' },
    },
  });
});

test('two equal lines of a console are two entries', () => {
  const line = {
    project: 'lab',
    zone: 'z',
    instance: 'server',
    instanceId: '17',
    at: '2024-05-27T22:42:30Z',
    text: '',
  };
  const [first, second] = [serialEntry({ ...line, line: 1 }), serialEntry({ ...line, line: 2 })];
  expect(first.insertId).not.toBe(second.insertId);
  expect(first.labels).toEqual({ 'compute.googleapis.com/resource_name': 'server' });
});
