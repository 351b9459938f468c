import { describe, expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import { admit } from '#plan/admit.ts';
import { resourceChanges } from '#plan/difference.ts';
import { parseSite } from '#plan/site.ts';
import { certificateAuthority } from '../certificate-authority/kind.ts';

const site = (more: object) => ({ project: 'lab', ...more });
const admitted = (it: object) => {
  const { declared, ...unread } = parseSite([{ path: 's', text: JSON.stringify(it) }]);
  return admit(declared, emptySnapshot, unread);
};
const problems = (it: object) => admitted(site(it)).problems.map(({ message, fix }) => `${message} -> ${fix}`);
const web = 'roles/iap.httpsResourceAccessor';
const bound = (fields: object) => ({
  roleBindings: { staff: { role: web, members: ['user:a@example.com'], ...fields } },
});
const when = (expression: string) => ({ condition: { title: 'when', expression } });

test('a mistake in a condition has its place and a way out', () => {
  expect(problems(bound(when('request.host == "a" &&\n request.pth == "/"')))).toEqual([
    '2:9 there is no request.pth -> Did you mean request.path?',
  ]);
  expect(problems(bound(when('request.host ==')))[0]).toMatch(/^1:\d+ .*expecting/);
});

test('an access level that nobody declared, and one that asks for itself, are refused', () => {
  const level = (asks: string) => ({ basic: { conditions: [{ requiredAccessLevels: [asks] }] } });
  expect(
    problems({
      ...bound(when('"offce" in request.auth.access_levels')),
      accessLevels: { office: { basic: { conditions: [{}] } } },
    }),
  ).toEqual(['there is no access level offce -> Did you mean office?']);
  expect(problems({ accessLevels: { a: level('b'), b: level('a') } })[0]).toContain('asks for itself');
  expect(problems({ accessLevels: { a: {} } })[0]).toContain('nothing about when it is met');
});

test('what the role cannot have is refused: a host, a destination, a member who is none, one twice', () => {
  expect(problems(bound(when('destination.port == 22')))).toEqual([
    'only a tunnel has a destination -> Use request.host and request.path.',
  ]);
  expect(problems(bound({ members: ['alice@example.com'] }))[0]).toContain('not a member');
  expect(problems(bound({ members: ['user:A@example.com', 'user:a@example.com'] }))[0]).toContain('is there twice');
});

test('a plan says who is let in and who no longer is', () => {
  const meaning = (before: object, after: object) =>
    resourceChanges(admitted(site(before)).snapshot, admitted(site(after)).snapshot).flatMap((it) => it.meaning);
  expect(meaning({}, bound({}))).toEqual(['lets user:a@example.com into every backend service of the project']);
  expect(meaning(bound({}), bound({ members: ['user:b@example.com'] }))).toEqual([
    'no longer lets user:a@example.com into every backend service of the project',
    'lets user:b@example.com into every backend service of the project',
  ]);
  expect(meaning(bound({}), bound(when('request.host == "x"')))).toEqual([
    'no longer lets user:a@example.com into every backend service of the project',
    'lets user:a@example.com into every backend service of the project when request.host == "x"',
  ]);
});

describe('a condition on the certificate of a device', () => {
  const managed = '"managed" in request.auth.access_levels';
  const base = {
    certificateAuthorities: { devices: {} },
    accessLevels: { managed: { basic: { conditions: [{ devicePolicy: { certificateAuthorities: ['devices'] } }] } } },
    backendServices: { web: { iap: {} }, other: { iap: {} } },
    urlMaps: { site: { defaultService: 'web' } },
    sslCertificates: { front: { authority: 'devices', names: ['app.example.com'] } },
    forwardingRules: { front: { targetHttpsProxy: 'front' } },
  };
  const front = (more: object) => ({
    targetHttpsProxies: { front: { urlMap: 'site', sslCertificates: ['front'], ...more } },
  });
  const mtlsPolicy = { clientValidationMode: 'REJECT_INVALID', clientValidationAuthorities: ['devices'] };
  const asks = (fields: object, more: object) => problems({ ...base, ...front(more), ...bound(fields) });

  test.each([
    ['a level', managed, 'the access level managed'],
    ['the condition itself', 'has(device.certificate)', 'it'],
  ])('is refused where no front end asks for one: %s', (_, expression, by) => {
    const problem = `${by} asks for a certificate of the device, and no front end of web asks clients for one`;
    const fields = { backendService: 'web', ...when(expression) };
    expect(asks(fields, {})).toEqual([`${problem} -> Add \`mtlsPolicy\` to the target HTTPS proxy that leads there.`]);
    expect(asks(fields, { mtlsPolicy })).toEqual([]);
  });

  test('is refused for a service that another front end leads to, and for what is no application', () => {
    expect(asks({ backendService: 'other', ...when(managed) }, { mtlsPolicy })[0]).toContain('no front end of other');
    expect(asks(when(managed), { mtlsPolicy })).toEqual([]);
    const tunnels = { role: 'roles/iap.tunnelResourceAccessor', ...when(managed) };
    expect(asks(tunnels, { mtlsPolicy }).join()).toContain('which only front ends of applications see');
  });

  test('a plan tells of authorities that a level names and no front end takes', () => {
    const partner = (certificateAuthority.example as Record<string, object>)['head-office'];
    const conditions = [{ devicePolicy: { certificateAuthorities: ['devices', 'partner'] } }];
    const declared = {
      ...{ ...base, ...front({ mtlsPolicy }), certificateAuthorities: { devices: {}, partner } },
      accessLevels: { managed: { basic: { conditions } } },
    };
    const [before, after] = [{ certificateAuthorities: {} }, declared].map((it) => admitted(site(it)).snapshot);
    if (before === undefined || after === undefined) throw new Error('nothing was admitted');
    expect(resourceChanges(before, after).find((it) => it.kind === 'accessLevel')?.meaning).toEqual([
      'no device meets the access level managed by the authority partner: no target HTTPS proxy names it in `mtlsPolicy`',
    ]);
  });

  test('an authority without a revocation list cannot be mixed with others where clients are rejected', () => {
    const partner = (certificateAuthority.example as Record<string, object>)['head-office'];
    const authorities = { certificateAuthorities: { devices: {}, partner } };
    const both = { ...mtlsPolicy, clientValidationAuthorities: ['devices', 'partner'] };
    const mixed = (mode: string) =>
      problems({ ...base, ...authorities, ...front({ mtlsPolicy: { ...both, clientValidationMode: mode } }) });
    expect(mixed('REJECT_INVALID')[0]).toContain('partner has no revocation list and others do');
    expect(mixed('ALLOW_INVALID_OR_MISSING_CLIENT_CERT')).toEqual([]);
  });
});
