import type { EveAlert } from '#engines/suricata/eve.ts';
import type { EndpointSettings, EnrichmentContext } from './enrich.ts';
import type { Opened } from './fold.ts';
import type { Append } from './store.ts';
import type { Sighting, ThreatDefinition } from './threat.ts';

/** Made-up alerts and threats for tests and measurements. */

export const shellshock: ThreatDefinition = {
  threatId: '36729',
  name: 'Bash Remote Code Execution Vulnerability',
  severity: 'CRITICAL',
  type: 'vulnerability',
  category: 'code-execution',
  cves: ['CVE-2014-6271'],
  description: 'A shell runs what stands behind a function in a header.',
  references: [],
};

export const endpoint: EndpointSettings = {
  project: 'lab',
  zone: 'us-east1-b',
  network: 'cloud-ids',
  name: 'cloud-ids-east1',
  severity: 'INFORMATIONAL',
  exceptions: [],
};

/** 2023-11-14T22:13:20Z in microseconds. */
export const start = 1_700_000_000_000_000;

export const alertOf = (changes: Partial<EveAlert> = {}): EveAlert => ({
  kind: 'alert',
  at: start,
  client: { address: '192.168.10.10', port: 59186 },
  server: { address: '192.168.10.20', port: 80 },
  protocol: 'tcp',
  application: 'http',
  flowId: '282',
  communityId: '1:8Fu+us5mU4JPkx00ol/p/8cbELw=',
  interface: 'x0',
  signatureId: 9_100_001,
  signature: 'shellshock',
  category: 'Execution of code or commands',
  priority: 1,
  action: 'allowed',
  direction: 'client-to-server',
  transaction: 0,
  ...changes,
});

const instances = new Map([
  ['192.168.10.10', 'attacker'],
  ['192.168.10.20', 'server'],
]);

export const contextOf = (changes: Partial<EnrichmentContext> = {}): EnrichmentContext => ({
  endpoint,
  sideOf: (name) => (name === 'x0' ? 'sent' : name === 'y0' ? 'received' : undefined),
  isProxy: () => false,
  instanceAt: (address) => instances.get(address),
  definitionOf: () => shellshock,
  ...changes,
});

export const sightingOf = (changes: Partial<Sighting> = {}): Sighting => ({
  endpoint,
  definition: shellshock,
  signatureId: 9_100_001,
  action: 'allowed',
  at: start,
  source: { address: '192.168.10.10', port: 59186, instance: 'attacker' },
  destination: { address: '192.168.10.20', port: 80, instance: 'server' },
  ipProtocol: 'tcp',
  application: 'web-browsing',
  direction: 'client-to-server',
  sessionId: '282',
  communityId: '1:8Fu+us5mU4JPkx00ol/p/8cbELw=',
  transaction: 0,
  seenAt: 'sent',
  uriOrFilename: 'test-critical',
  uri: '/cgi-bin/test-critical',
  http: { method: 'GET', host: '192.168.10.20', userAgent: '() { :; }; /bin/id', status: 404 },
  client: undefined,
  payload: { base64: 'R0VU', truncated: false },
  packet: undefined,
  ...changes,
});

/** What a store gets for threats that stand alone. */
export const appendOf = (sightings: readonly Sighting[], changes: Partial<Append> = {}): Append => ({
  feed: 'lab/cloud-ids-east1',
  cursor: { inode: '1', offset: 0, head: '', modified: '0' },
  lines: sightings.length,
  folded: { opened: sightings.map(openedOf), changed: [] },
  sessions: [],
  malformed: 0,
  examples: [],
  suppressed: new Map(),
  canaries: 0,
  ...changes,
});

export const openedOf = (sighting: Sighting): Opened => ({
  sighting,
  record: {
    number: 0,
    endpoint: sighting.endpoint,
    definition: sighting.definition,
    signatureId: sighting.signatureId,
    application: sighting.application,
    source: sighting.source.address,
    destination: sighting.destination.address,
    client: undefined,
    seenAt: sighting.seenAt,
    communityId: sighting.communityId,
    transaction: sighting.transaction,
    first: sighting.at,
    last: sighting.at,
    count: 1,
    twin: undefined,
    folded: false,
  },
});

/** A line as Suricata writes it, with the number of the flow in the place that makes it another threat. */
export const lineOf = (n: number, at: number, networkInterface = 'x0'): string => {
  const time = `${new Date(Math.floor(at / 1000)).toISOString().slice(0, 23)}${String(at % 1000).padStart(3, '0')}+0000`;
  const address = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
  return JSON.stringify({
    timestamp: time,
    flow_id: 1_000_000 + n,
    in_iface: networkInterface,
    event_type: 'alert',
    src_ip: address,
    src_port: 40_000,
    dest_ip: '192.168.10.20',
    dest_port: 80,
    proto: 'TCP',
    community_id: `1:${n}`,
    tx_id: 0,
    alert: {
      action: 'allowed',
      gid: 1,
      signature_id: 9_100_001,
      rev: 1,
      signature: 'Bash function-definition code execution attempt in HTTP header',
      category: 'Execution of code or commands',
      severity: 1,
    },
    http: {
      hostname: '192.168.10.20',
      url: '/cgi-bin/test-critical',
      http_user_agent: '() { :; }; /bin/id',
      http_method: 'GET',
      protocol: 'HTTP/1.1',
      status: 404,
      length: 0,
    },
    app_proto: 'http',
    direction: 'to_server',
    flow: {
      pkts_toserver: 4,
      pkts_toclient: 2,
      bytes_toserver: 312,
      bytes_toclient: 157,
      start: time,
      src_ip: address,
      dest_ip: '192.168.10.20',
      src_port: 40_000,
      dest_port: 80,
    },
    payload:
      'R0VUIC9jZ2ktYmluL3Rlc3QtY3JpdGljYWwgSFRUUC8xLjENCkhvc3Q6IDE5Mi4xNjguMTAuMjANClVzZXItQWdlbnQ6ICgpIHsgOjsgfTsgL2Jpbi9pZA0KDQo=',
    stream: 1,
    packet: 'QgHAqAoUQgHAqAoKCABFAAAoAABAAEAGpWHAqAoKwKgKFOcyAFAAAAREAAATtlAQ+vAf2wAA',
    packet_info: { linktype: 1 },
  });
};
