import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileCondition, isCondition } from './condition.ts';
import { extract } from './extract.ts';
import type { Facts, Known, Subject } from './facts.ts';
import { compileLevels, type LevelDeclaration } from './level.ts';
import { type BindingDeclaration, compilePolicy, type Target } from './policy.ts';
import { within } from './window.ts';

const noon = Date.parse('2026-11-26T12:00:00Z');
const facts: Facts = {
  time: noon,
  host: 'app.example.com',
  path: '/',
  ip: '203.0.113.9',
  claims: {},
  methods: ['pwd'],
};
const alice: Known = {
  kind: 'person',
  email: 'alice@example.com',
  domain: 'example.com',
  groups: ['staff@example.com'],
};
const robot: Known = { kind: 'serviceAccount', email: 'ci@lab.iam.gserviceaccount.com', groups: [] };
const nobody: Subject = { kind: 'nobody' };
const app: Target = {
  role: 'roles/iap.httpsResourceAccessor',
  name: 'app',
  resource: { name: 'app', type: 'backendService', service: 'iap.googleapis.com' },
};

const binding = (members: string[], more: Partial<BindingDeclaration> = {}): BindingDeclaration => ({
  key: 'lab/roleBinding/b',
  role: 'roles/iap.httpsResourceAccessor',
  members,
  ...more,
});
const when = (expression: string): Partial<BindingDeclaration> => ({ condition: { title: 'when', expression } });
const decide = (
  list: BindingDeclaration[],
  subject: Subject,
  at: Partial<Facts> = {},
  levels: LevelDeclaration[] = [],
) =>
  compilePolicy(list, levels)
    .forTarget(app)
    .decide(subject, { ...facts, ...at });

describe('members', () => {
  test.each([
    ['user:alice@example.com', true, false, false],
    ['user:ALICE@Example.com', true, false, false],
    ['user:ci@lab.iam.gserviceaccount.com', false, false, false],
    ['group:staff@example.com', true, false, false],
    ['domain:example.com', true, false, false],
    ['domain:ample.com', false, false, false],
    ['serviceAccount:ci@lab.iam.gserviceaccount.com', false, true, false],
    ['serviceAccount:alice@example.com', false, false, false],
    ['allAuthenticatedUsers', true, true, false],
    ['allUsers', true, true, true],
  ])('%s', (member, person, program, anybody) => {
    expect([alice, robot, nobody].map((it) => decide([binding([member])], it).allowed)).toEqual([
      person,
      program,
      anybody,
    ]);
  });

  test('a domain counts only when the provider vouches for it, not because an address ends so', () => {
    const { domain: _, ...outsider } = alice;
    expect(decide([binding(['domain:example.com'])], outsider).allowed).toBe(false);
  });
});

test('a binding on another service, or of another role, lets nobody in', () => {
  const everybody = ['allUsers'];
  expect(decide([binding(everybody, { backendService: 'other' })], alice).reasons).toEqual([{ code: 'no-binding' }]);
  expect(decide([binding(everybody, { role: 'roles/iap.tunnelResourceAccessor' })], alice).allowed).toBe(false);
  expect(decide([binding(everybody, { backendService: 'app' })], alice).allowed).toBe(true);
});

test('a condition that cannot be evaluated denies and says so, and another binding may still let in', () => {
  const broken = binding(['user:alice@example.com'], when('request.auth.claims.level >= 2'));
  expect(decide([broken], alice).reasons).toMatchObject([{ code: 'condition-broken', subject: broken.key }]);
  expect(decide([broken, binding(['domain:example.com'])], alice).allowed).toBe(true);
  expect(decide([broken], alice, { claims: { level: 3 } }).allowed).toBe(true);
  expect(decide([binding(['allUsers'], when('"yes"'))], alice).reasons).toMatchObject([{ code: 'condition-broken' }]);
});

describe('conditions', () => {
  test.each<[string, Partial<Facts>, boolean]>([
    ['request.host == "app.example.com"', {}, true],
    ['request.path.startsWith("/admin/")', { path: '/admin/x' }, true],
    ['request.path.startsWith("/admin/")', { path: '/adminx' }, false],
    ['request.path.matches("^/[a-z]+$")', { path: '/abc' }, true],
    ['inIpRange(origin.ip, ["203.0.113.0/24"])', {}, true],
    ['inIpRange(origin.ip, ["10.0.0.0/8", "nonsense"])', {}, false],
    ['request.time < timestamp("2027-01-01T00:00:00Z")', {}, true],
    ['request.time.getHours("Europe/Paris") == 13', {}, true],
    ['request.time.getDayOfWeek() == 4', {}, true],
    ['request.path.extract("/tenants/{tenant}/") == "blue"', { path: '/tenants/blue/x' }, true],
    ['request.auth.claims.roles.exists(r, r == "admin")', { claims: { roles: ['admin'] } }, true],
    ['has(request.auth.claims.roles)', {}, false],
    ['resource.name == "app"', {}, true],
    ['request["path"] == "/"', {}, true],
  ])('%s', (expression, at, allowed) => {
    expect(decide([binding(['allUsers'], when(expression))], alice, at).allowed).toBe(allowed);
  });

  test.each([
    ['request.path ==', 1, /expecting/],
    ['true &&\n  request.pth == "/"', 2, /there is no request\.pth/],
    ['nope(request.path)', 1, /there is no function nope/],
    ['device.os == "x"', 1, /there is no device\.os/],
    ['[1].all(a, [1].all(b, [1].all(c, a + b + c > 0)))', 1, /nested too deeply/],
  ])('a mistake has its place: %s', (expression, line, message) => {
    const faults = compileCondition(expression);
    if (isCondition(faults)) throw new Error('it compiled');
    expect(faults[0]).toMatchObject({ line, message: expect.stringMatching(message) });
  });
});

describe('what a policy reads', () => {
  const reads = (expression: string, levels: LevelDeclaration[] = []) => [
    ...compilePolicy([binding(['allUsers'], when(expression))], levels).forTarget(app).reads,
  ];
  const office: LevelDeclaration = {
    name: 'office',
    combine: 'and',
    conditions: [
      { ipSubnetworks: ['10.0.0.0/8'], times: [], signIn: [], members: [], requiredAccessLevels: [], negate: false },
    ],
  };

  test.each([
    ['true', []],
    ['request.host == "a"', ['host']],
    ['request["path"] == "/x"', ['path']],
    ['inIpRange(origin.ip, ["10.0.0.0/8"])', ['ip']],
    ['[1, 2].exists(request, request == 1)', []],
    ['[request.path].exists(p, p == "/")', ['path']],
    ['request.auth.claims.x == 1', ['claims']],
    ['request.time < timestamp("2027-01-01T00:00:00Z")', ['time']],
    ['has(device.certificate)', ['device']],
    ['device.certificate.serial == "0A"', ['device']],
  ])('%s', (expression, expected) => {
    expect(reads(expression)).toEqual(expected);
  });

  test('what an access level reads, when it is asked for, and only then', () => {
    expect(reads('"office" in request.auth.access_levels', [office])).toEqual(['ip']);
    expect(reads('"accessPolicies/1/accessLevels/office" in request.auth.access_levels', [office])).toEqual(['ip']);
    expect(reads('"other" in request.auth.access_levels', [office])).toEqual([]);
    expect(reads('size(request.auth.access_levels) > 0', [office])).toEqual(['ip']);
  });
});

describe('how long a decision holds', () => {
  const until = (expression: string) => decide([binding(['allUsers'], when(expression))], alice).until - noon;

  test.each([
    ['true', Number.POSITIVE_INFINITY],
    ['request.time < timestamp("2026-11-26T12:00:30Z")', 30_000],
    ['request.time > timestamp("2020-01-01T00:00:00Z")', Number.POSITIVE_INFINITY],
    ['request.time.getHours() < 18', 15 * 60_000],
    ['request.time.getMinutes() < 30', 60_000],
    ['request.time + duration("1h") < timestamp("2027-01-01T00:00:00Z")', 0],
  ])('%s', (expression, expected) => {
    expect(until(expression)).toBe(expected);
  });

  test('until then the same question has the same answer', () => {
    const instant = fc.integer({ min: noon - 3_600_000, max: noon + 3_600_000 });
    const text = (at: number) => `timestamp("${new Date(at).toISOString()}")`;
    const one = fc.oneof(
      fc
        .tuple(fc.constantFrom('<', '<=', '>', '>=', '==', '!='), instant)
        .map(([op, at]) => `request.time ${op} ${text(at)}`),
      fc.integer({ min: 0, max: 23 }).map((hour) => `request.time.getHours("Asia/Kolkata") < ${hour}`),
      fc.integer({ min: 0, max: 59 }).map((minute) => `request.time.getMinutes() >= ${minute}`),
    );
    fc.assert(
      fc.property(one, one, instant, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, now, share) => {
        const policy = compilePolicy([binding(['allUsers'], when(`${a} && ${b}`))], []).forTarget(app);
        const first = policy.decide(alice, { ...facts, time: now });
        const later = Math.floor(now + (Math.min(first.until, now + 3_600_000) - 1 - now) * share);
        return policy.decide(alice, { ...facts, time: Math.max(now, later) }).allowed === first.allowed;
      }),
      { numRuns: 300 },
    );
  });
});

describe('access levels', () => {
  const condition = (
    more: Partial<LevelDeclaration['conditions'][number]>,
  ): LevelDeclaration['conditions'][number] => ({
    ...{ ipSubnetworks: [], times: [], signIn: [], members: [], requiredAccessLevels: [], negate: false },
    ...more,
  });
  const met = (levels: LevelDeclaration[], at: Partial<Facts> = {}) =>
    compileLevels(levels).isMet('a', { facts: { ...facts, ...at }, resource: app.resource }, alice);

  test('basic ones join addresses, times, sign-in, members and other levels', () => {
    const level = (combine: 'and' | 'or', ...conditions: LevelDeclaration['conditions']): LevelDeclaration[] => [
      { name: 'a', combine, conditions },
      { name: 'b', combine: 'and', conditions: [condition({ signIn: ['otp', 'hwk'] })] },
    ];
    const [inside, strong, both] = [
      condition({ ipSubnetworks: ['203.0.113.0/24'] }),
      condition({ requiredAccessLevels: ['b'] }),
      condition({ ipSubnetworks: ['203.0.113.0/24'], signIn: ['otp'] }),
    ];
    expect(met(level('and', inside))).toBe(true);
    expect(met(level('and', inside, strong))).toBe(false);
    expect(met(level('or', inside, strong))).toBe(true);
    expect(met(level('and', inside, strong), { methods: ['hwk'] })).toBe(true);
    expect(met(level('and', both))).toBe(false);
    expect(met(level('and', condition({ ...inside, negate: true })))).toBe(false);
    expect(met(level('and', condition({ members: ['group:staff@example.com'] })))).toBe(true);
  });

  test('one that has no condition, is broken, or asks for itself is never met', () => {
    expect(met([{ name: 'a', combine: 'and', conditions: [] }])).toBe(false);
    expect(met([{ name: 'a', combine: 'and', conditions: [], expression: 'request.' }])).toBe(false);
    expect(met([{ name: 'a', combine: 'and', conditions: [condition({ requiredAccessLevels: ['a'] })] }])).toBe(false);
    expect(met([{ name: 'a', combine: 'and', conditions: [], expression: '"a" in request.auth.access_levels' }])).toBe(
      false,
    );
  });

  test('a condition names them by the short or by the full name, and the page learns which one was missing', () => {
    const inside: LevelDeclaration = {
      name: 'a',
      combine: 'and',
      conditions: [condition({ ipSubnetworks: ['203.0.113.0/24'] })],
    };
    for (const name of ['a', 'accessPolicies/7/accessLevels/a']) {
      const list = [binding(['allUsers'], when(`"${name}" in request.auth.access_levels`))];
      expect(decide(list, alice, {}, [inside])).toMatchObject({ allowed: true, levels: ['a'] });
      expect(decide(list, alice, { ip: '192.0.2.1' }, [inside]).reasons).toContainEqual({
        code: 'access-level-unmet',
        subject: 'a',
      });
    }
  });
});

test('time windows go by the clock of their zone, past midnight and over the change of summer time', () => {
  const night = { days: [4], from: 22 * 60, until: 6 * 60, timeZone: 'Europe/Paris' };
  const at = (text: string) => within(night, Date.parse(text));
  expect([at('2026-11-26T20:59:00Z'), at('2026-11-26T21:00:00Z'), at('2026-11-27T04:59:00Z')]).toEqual([
    false,
    true,
    true,
  ]);
  expect([at('2026-11-27T05:00:00Z'), at('2026-11-27T21:30:00Z')]).toEqual([false, false]);
  const day = { days: [], from: 2 * 60, until: 4 * 60, timeZone: 'Europe/Paris' };
  expect(within(day, Date.parse('2026-03-29T01:30:00Z'))).toBe(true);
});

test('extract is IAM’s', () => {
  expect(extract('projects/_/buckets/b/objects/o', '/buckets/{name}/')).toBe('b');
  expect(extract('a/b', '/{rest}')).toBe('b');
  expect(extract('a/b', 'x{rest}')).toBe('');
  expect(extract('a/b', 'no braces')).toBe('');
  expect(extract('/a/b', '{all}')).toBe('/a/b');
});

test('no expression, however strange, throws or lets in by accident', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (expression) => {
      const decision = decide([binding(['allUsers'], when(expression))], alice);
      return decision.reasons.length > 0 && (!decision.allowed || isCondition(compileCondition(expression)));
    }),
    { numRuns: 500 },
  );
});

describe('certificates of devices', () => {
  const certificate = { authority: 'devices', commonName: 'laptop', serial: '0A', fingerprint: 'f'.repeat(64) };
  const allowed = (expression: string, device: Facts['device'], levels: LevelDeclaration[] = []) =>
    decide([binding(['allUsers'], when(expression))], alice, device === undefined ? {} : { device }, levels).allowed;

  test.each([
    ['has(device.certificate)', true, false],
    ['!has(device.certificate)', false, true],
    ['device.certificate.authority == "devices"', true, false],
    ['device.certificate.authority != "devices"', false, false],
    ['has(device.certificate) && device.certificate.common_name.startsWith("lap")', true, false],
    ['device.certificate.serial == "0A" && size(device.certificate.fingerprint) == 64', true, false],
  ])('%s', (expression, withIt, without) => {
    expect([allowed(expression, { certificate }), allowed(expression, undefined)]).toEqual([withIt, without]);
  });

  test.each([
    [{ authorities: ['devices'], commonNames: [] }, true],
    [{ authorities: ['others', 'devices'], commonNames: ['desktop', 'laptop'] }, true],
    [{ authorities: ['others'], commonNames: [] }, false],
    [{ authorities: ['devices'], commonNames: ['lap', 'LAPTOP'] }, false],
  ])('a level that asks for %o', (device, met) => {
    const none = { ipSubnetworks: [], times: [], signIn: [], members: [], requiredAccessLevels: [], negate: false };
    const levels: LevelDeclaration[] = [{ name: 'managed', combine: 'and', conditions: [{ ...none, device }] }];
    const expression = '"managed" in request.auth.access_levels';
    expect([allowed(expression, { certificate }, levels), allowed(expression, undefined, levels)]).toEqual([
      met,
      false,
    ]);
    const reads = compilePolicy([binding(['allUsers'], when(expression))], levels).forTarget(app).reads;
    expect([...reads]).toEqual(['device']);
  });
});
