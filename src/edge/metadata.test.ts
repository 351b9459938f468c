import { expect, test } from 'vitest';
import type { MetadataInput } from '#engines/metadata/input.ts';
import { current, type LentKeys, lend, nextEnd, SshKeyLine } from '#engines/metadata/lent.ts';
import { answerMetadata } from './metadata.ts';
import { tagOf, waitingOf } from './metadata-wait.ts';

const input = (attributes: Record<string, string> = {}): MetadataInput => ({
  namespace: 'net.lab.a',
  listen: '169.254.169.254',
  hosts: [
    {
      address: '10.0.0.2',
      project: { id: 'lab', number: '1', attributes: { 'ssh-keys': 'carol:ssh-ed25519 AAAACARO carol' } },
      instance: {
        ...{ id: '7', name: 'a', hostname: 'a.lab', zone: 'z', machineType: 'm', image: 'i', tags: [], interfaces: [] },
        attributes,
      },
    },
  ],
});

const ask = (content: { input: MetadataInput; lent: LentKeys }, path: string) =>
  answerMetadata(content, {
    method: 'GET',
    url: path,
    from: '10.0.0.2',
    header: (name) => (name === 'metadata-flavor' ? 'Google' : undefined),
  });
const KEYS = '/computeMetadata/v1/instance/attributes/ssh-keys';
const key = (user: string, expireTime: number, blob = 'AAAAC3NzaC1lZDI1NTE5AAAA') => ({
  line: `${user}:ssh-ed25519 ${blob}`,
  expireTime,
});

test('lent keys stand behind those that are declared, for that host alone', () => {
  const lent = lend({}, '10.0.0.2', key('bob', 100), 0);
  expect(ask({ input: input(), lent }, KEYS).body).toBe('bob:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA');
  expect(ask({ input: input({ 'ssh-keys': 'alice:ssh-rsa AAAA x\n' }), lent }, KEYS).body).toBe(
    'alice:ssh-rsa AAAA x\nbob:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA',
  );
  expect(ask({ input: input(), lent: lend({}, '10.0.0.3', key('bob', 100), 0) }, KEYS).status).toBe(404);
});

test('a key that is lent again only lasts longer, what has expired goes, and there are never too many', () => {
  let keys: LentKeys = {};
  keys = lend(keys, 'a', key('bob', 100), 0);
  keys = lend(keys, 'a', key('bob', 300), 0);
  keys = lend(keys, 'a', key('eve', 200), 0);
  expect(keys['a']?.map((it) => it.expireTime)).toEqual([300, 200]);
  expect(nextEnd(keys)).toBe(200);
  expect(current(keys, 200)['a']).toHaveLength(1);
  expect(current(keys, 300)).toEqual({});
  for (let index = 0; index < 150; index += 1)
    keys = lend(keys, 'a', key('bob', 1000, `AAAAC3NzaC1lZDI1NTE5${index + 1000}`), 0);
  expect(keys['a']).toHaveLength(100);
});

test('a line is a user and a public key, and never a second line or an option', () => {
  for (const line of [
    'bob:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA google-ssh {"userName":"bob"}',
    'bob:ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=',
    'bob:sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5',
  ])
    expect(SshKeyLine.safeParse(line).success).toBe(true);
  for (const line of [
    'bob:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA a\nroot:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA',
    'bob:command="x" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA',
    'Bob:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA',
    '../x:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA',
    'bob ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA',
    'bob:ssh-ed25519',
  ])
    expect(SshKeyLine.safeParse(line).success).toBe(false);
});

test('whoever waits for a change says what it knows and how long', () => {
  expect(waitingOf('/x?recursive=true')).toBeUndefined();
  expect(waitingOf('/x?wait_for_change=true')).toEqual({ timeout: 300_000, known: undefined });
  expect(waitingOf('/x?wait_for_change=TRUE&timeout_sec=5&last_etag=ab')).toEqual({ timeout: 5000, known: 'ab' });
  expect(waitingOf('/x?wait_for_change=true&timeout_sec=-1')?.timeout).toBe(0);
  expect(waitingOf('/x?wait_for_change=true&timeout_sec=x')?.timeout).toBe(300_000);
  const [one, other] = [
    ask({ input: input(), lent: {} }, '/'),
    ask({ input: input(), lent: {} }, '/computeMetadata/v1/'),
  ];
  expect(tagOf(one)).toBe(tagOf(ask({ input: input(), lent: {} }, '/')));
  expect(tagOf(one)).not.toBe(tagOf(other));
});

test('a host finds the scopes and the address of its account, by both names; tokens are refused with a reason', () => {
  const email = '1-compute@developer.gserviceaccount.com';
  const scopes = ['https://www.googleapis.com/auth/compute.readonly', 'https://www.googleapis.com/auth/logging.write'];
  const plain = input();
  const [host] = plain.hosts;
  if (host === undefined) return;
  const having = { ...plain, hosts: [{ ...host, instance: { ...host.instance, serviceAccount: { email, scopes } } }] };
  const base = '/computeMetadata/v1/instance/service-accounts/';
  const told = (path: string, from: MetadataInput = having) => ask({ input: from, lent: {} }, `${base}${path}`);
  expect(told('').body).toBe(`default/\n${email}/\n`);
  for (const name of ['default', email]) {
    expect(told(`${name}/email`).body).toBe(email);
    expect(told(`${name}/scopes`).body).toBe(scopes.map((it) => `${it}\n`).join(''));
    expect(JSON.parse(told(`${name}/?recursive=true`).body)).toEqual({ aliases: ['default'], email, scopes });
    for (const what of ['token', 'identity?audience=x'])
      expect(told(`${name}/${what}`)).toMatchObject({ status: 403, body: expect.stringContaining('no Google Cloud') });
  }
  expect(JSON.parse(told('default/scopes?alt=json').body)).toEqual(scopes);
  expect(Object.keys(JSON.parse(told('?recursive=true').body) as object)).toEqual(['default', email]);
  expect([told('other/token').status, told('default/token/x').status]).toEqual([404, 404]);
  expect([told('', plain), told('default/token', plain)]).toMatchObject([{ status: 200, body: '' }, { status: 404 }]);
});
