import { expect, test } from 'vitest';
import { UrlProfileSpec } from '#kinds/url-profile/spec.ts';
import { judgedProfile } from '#kinds/url-profile/squid.ts';
import { builtInCategories } from '#kinds/web-category/built-in.ts';
import { compileList } from '#lib/domains/compiled.ts';
import { type Asked, judgeOf } from './decide.ts';

const lists = Object.keys(builtInCategories);

/** A filter whose only rule allows everything, so that options alone can stop anything. */
function judged(options: object, asked: Partial<Asked>): string {
  const spec = UrlProfileSpec.parse({ rules: [{ name: 'all', action: 'allow' }], ...options });
  const place = { project: 'lab', snapshot: undefined, standing: { interfaces: [], tunnels: [] } };
  const profile = judgedProfile(
    { project: 'lab', kind: 'urlProfile', name: 'staff', spec, assigned: undefined },
    place as never,
  );
  const policy = {
    listeners: [{ http: 3130, https: 3131, profile: 'staff', rule: 'lab/filterPolicy/office/web' }],
    profiles: [profile],
    lists: lists.map((name) => ({ name, title: name, file: name })),
  };
  const compiled = new Map(lists.map((it) => [it, listNamed(it)]));
  const whole = { client: '10.0.0.2', port: 3131, server: '198.51.100.7', tls: true, host: 'good.example', ...asked };
  const { verdict, cause } = judgeOf(policy, compiled).decide(whole, 0);
  return `${verdict} ${cause}`;
}

const listNamed = (name: string) => compileList((builtInCategories[name]?.domains ?? '').trim().split('\n'));

test('well-known resolvers are stopped by name and, where TLS says no name, by address, whatever the rules say', () => {
  for (const asked of [
    { host: 'dns.google' },
    { host: 'x.cloudflare-dns.com' },
    { host: '1.1.1.1', server: '1.1.1.1' },
    { host: '', server: '9.9.9.9' },
    // A name of one's own in front of a resolver that everybody knows.
    { host: 'good.example', server: '8.8.8.8' },
    { host: 'dns.google', tls: false, port: 3130 },
  ])
    expect([asked, judged({ noServerName: 'allow', addressLiteral: 'allow' }, asked)]).toEqual([
      asked,
      'block dns_over_https',
    ]);
  expect(judged({}, {})).toBe('allow rule');
  expect(judged({ dnsOverHttps: 'allow' }, { host: 'dns.google', server: '8.8.8.8' })).toBe('allow rule');
});

test('a name to hide behind is stopped by `block`, and passes with `strip`, which only the resolver knows of', () => {
  const asked = { host: 'cloudflare-ech.com' };
  expect(judged({}, asked)).toBe('block encrypted_client_hello');
  expect(judged({ encryptedClientHello: 'strip' }, asked)).toBe('allow rule');
  expect(judged({ encryptedClientHello: 'allow' }, asked)).toBe('allow rule');
});
