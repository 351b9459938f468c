import { expect, test } from 'vitest';
import { firewallHit, parsePacket } from '#engines/ulogd/packet.ts';
import { type FilterPlace, filterEntry } from './filter.ts';

const line = (prefix: string): string =>
  JSON.stringify({
    'oob.prefix': prefix,
    'oob.time.sec': 1_795_731_851,
    'oob.time.usec': 64_009,
    'oob.in': 'vlan200',
    'oob.out': 'ext',
    'ip.protocol': 6,
    src_ip: '10.200.0.4',
    dest_ip: '203.0.113.30',
    src_port: 60_284,
    dest_port: 80,
    'oob.mark': 0x0002_0007,
    'raw.pktlen': 60,
  });

const entryOf = (prefix: string, place: Partial<FilterPlace> = {}) => {
  const packet = parsePacket(line(prefix));
  const hit = packet && firewallHit(packet);
  return hit && filterEntry(hit, { project: 'lab', gateway: 'edge', receivedAt: '2026-11-26T22:00:00Z', ...place });
};

test('a packet that a rule let pass names the policy, the rule, both interfaces and both ends', () => {
  expect(entryOf('allow:lab/filterPolicy/office/web')).toMatchObject({
    logName: 'projects/lab/logs/filter',
    severity: 'INFO',
    resource: { type: 'gateway', labels: { gateway_name: 'edge' } },
    jsonPayload: {
      action: 'pass',
      policy: 'office',
      rule: 'web',
      interface: { in: 'vlan200', out: 'ext' },
      source: { ip: '10.200.0.4', port: 60_284 },
      destination: { ip: '203.0.113.30', port: 80 },
      protocol: 'tcp',
    },
  });
});

test('what no rule let pass says why in the place of a rule', () => {
  expect(entryOf('deny:lab/gateway/edge/implicit/spoofed')).toMatchObject({
    severity: 'NOTICE',
    jsonPayload: { action: 'block', rule: 'implicit/spoofed' },
  });
});

test('what the URL profile of a rule refused names the option', () => {
  expect(entryOf('deny:lab/filterPolicy/office/web/dot')).toMatchObject({
    jsonPayload: { action: 'block', policy: 'office', rule: 'web', option: 'dnsOverTls' },
  });
});

test('a connection to a published server names what its sender asked for, too', () => {
  const asked: object[] = [];
  const trace: FilterPlace['trace'] = (it) => {
    asked.push(it);
    return { address: '198.51.100.9', port: 8080, rule: 'lab/natPolicy/office/web' };
  };
  expect(entryOf('allow:lab/filterPolicy/office/web', { trace })?.jsonPayload).toMatchObject({
    destination: { ip: '203.0.113.30', port: 80 },
    originalDestination: { ip: '198.51.100.9', port: 8080 },
    translatedBy: { policy: 'office', rule: 'web' },
  });
  expect(asked).toEqual([{ number: 1, address: '203.0.113.30', protocol: 6, port: 80 }]);
});
