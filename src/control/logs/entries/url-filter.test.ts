import fc from 'fast-check';
import { expect, test } from 'vitest';
import { urlFilterEntry } from './url-filter.ts';

const place = { project: 'lab', gateway: 'gw1', number: 1, receivedAt: '2026-11-26T21:50:00Z' };
const line = (fields: object): string =>
  JSON.stringify({
    ...{ end: 1_795_729_918_646, active: 6, client: '10.81.0.2', clientPort: 60_996, destination: '10.82.0.2' },
    ...{ port: 80, method: 'GET', url: 'http://games.example/a%2520b', serverName: '-', status: 403, received: 58 },
    ...{ sent: 6344, agent: '-', ref: 'r-1', verdict: 'block', cause: 'rule', rule: 'lab/urlProfile/staff/no-games' },
    ...{
      category: 'games',
      profile: 'lab/urlProfile/staff',
      filter: 'lab/filterPolicy/office/web',
      host: 'games.example',
    },
    ...fields,
  });

test('a decision keeps who asked for what, which rule decided, and the reference that the person was shown', () => {
  expect(urlFilterEntry(line({}), place)).toMatchObject({
    logName: 'projects/lab/logs/url_filter',
    severity: 'WARNING',
    timestamp: '2026-11-26T21:51:58.640Z',
    httpRequest: { requestUrl: 'http://games.example/a%20b', status: 403, remoteIp: '10.81.0.2' },
    jsonPayload: { verdict: 'block', category: 'games', reference: 'r-1', rule: 'lab/urlProfile/staff/no-games' },
  });
});

test('a name that did not lead to its address is an entry, too; the beginning of a connection is none', () => {
  const nobody = { verdict: '-', cause: '-', rule: '-', ref: '-', host: '-', method: 'CONNECT' };
  expect(
    urlFilterEntry(line({ ...nobody, status: 409, serverName: 'good.example' }), place)?.jsonPayload,
  ).toMatchObject({
    ...{ verdict: 'block', cause: 'forged_host', host: 'good.example', protocol: 'https' },
  });
  expect(urlFilterEntry(line({ ...nobody, status: 0 }), place)).toBeUndefined();
});

test('no line makes it fail', () => {
  fc.assert(fc.property(fc.string(), (text) => void urlFilterEntry(text, place)));
  const names = ['active', 'status', 'verdict', 'method', 'host', 'url', 'client', 'port', 'received', 'agent'];
  const fields = fc.dictionary(fc.constantFrom(...names), fc.jsonValue());
  const end = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.jsonValue());
  fc.assert(
    fc.property(
      end,
      fields,
      (at, rest) => void urlFilterEntry(JSON.stringify({ end: at, verdict: 'pass', ...rest }), place),
    ),
  );
});
