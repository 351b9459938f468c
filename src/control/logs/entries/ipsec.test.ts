import { expect, test } from 'vitest';
import { ipsecEntry } from './ipsec.ts';

const place = { project: 'lab', gateway: 'office', number: 1, receivedAt: '2026-01-01T00:00:00Z' };

test('a failure of a tunnel is an error with its reason and the way out', () => {
  const line = JSON.stringify({
    ...{ at: 1_767_225_600.5, event: 'failure', tunnel: 'lab/ipsecTunnel/branch', peer: 'lab/ipsecPeer/branch' },
    ...{ address: '198.51.100.1', code: 'wrong-key', message: 'the key is not ours', fix: 'Compare them.' },
  });
  expect(ipsecEntry(line, place)).toMatchObject({
    logName: 'projects/lab/logs/ipsec',
    severity: 'ERROR',
    timestamp: '2026-01-01T00:00:00.500Z',
    jsonPayload: { event: 'failure', code: 'wrong-key', address: '198.51.100.1', fix: 'Compare them.' },
  });
});

test('what is no event of a tunnel gives no entry, whatever it is', () => {
  for (const line of [
    '',
    'x',
    '{"at":',
    '{"at":1}',
    '{"at":"1","event":"up"}',
    '{"at":1,"event":"toString"}',
    '{"at":1,"event":7}',
  ])
    expect(ipsecEntry(line, place)).toBeUndefined();
});
