import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, expect, test } from 'vitest';
import { type Factors, factorsIn } from './factors.ts';
import { type Passkeys, passkeysOf } from './passkeys.ts';

/** An authenticator of a test's own, which says and signs whatever it is told to. */

const HOST = 'accounts.example';
const sha256 = (data: Buffer | string): Buffer => createHash('sha256').update(data).digest();

/** CBOR of a COSE key for ES256 (RFC 9053): a map of five pairs of small numbers and two texts of 32 bytes. */
function coseOf(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const bytes = (text: string) => Buffer.concat([Buffer.from([0x58, 0x20]), Buffer.from(text, 'base64url')]);
  return Buffer.concat([
    Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
    bytes(x),
    Buffer.from([0x22]),
    bytes(y),
  ]);
}

interface Lies {
  readonly origin?: string;
  readonly rpId?: string;
  readonly type?: string;
  readonly counter?: number;
  /** User present 1, user verified 4. */
  readonly flags?: number;
  readonly handle?: string;
  readonly id?: string;
}

function authenticator() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = sha256(publicKey.export({ format: 'der', type: 'spki' })).toString('base64url');
  const answer = (challenge: string, lies: Lies = {}): string => {
    const { origin = `https://${HOST}`, rpId = HOST, type = 'webauthn.get', counter = 1, flags = 5 } = lies;
    const clientData = Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }));
    const data = Buffer.alloc(37);
    sha256(rpId).copy(data, 0);
    data.writeUInt8(flags, 32);
    data.writeUInt32BE(counter, 33);
    const signature = sign('sha256', Buffer.concat([data, sha256(clientData)]), privateKey);
    const shown = lies.id ?? id;
    return JSON.stringify({
      ...{ id: shown, rawId: shown, type: 'public-key', clientExtensionResults: {} },
      response: {
        clientDataJSON: clientData.toString('base64url'),
        authenticatorData: data.toString('base64url'),
        signature: signature.toString('base64url'),
        ...(lies.handle === undefined ? {} : { userHandle: Buffer.from(lies.handle).toString('base64url') }),
      },
    });
  };
  return { id, publicKey: Uint8Array.from(coseOf(publicKey)), answer };
}

let factors: Factors;
let passkeys: Passkeys;
const alice = authenticator();
const mallory = authenticator();
const challenge = Buffer.from('a challenge of ours').toString('base64url');

beforeEach(() => {
  factors = factorsIn(
    new DatabaseSync(':memory:'),
    () => Date.now(),
    () => 0,
  );
  passkeys = passkeysOf(HOST, () => 'Lab', factors);
  for (const [account, it] of [
    ['alice', alice],
    ['mallory', mallory],
  ] as const)
    factors.addPasskey({ id: it.id, account, publicKey: it.publicKey, counter: 0, transports: [], label: 'key' });
});

const accountOf = async (response: string, expected = challenge) =>
  (await passkeys.signIn(response, expected))?.account;

test('a passkey signs its own person in', async () => {
  expect(await accountOf(alice.answer(challenge, { handle: 'alice' }))).toBe('alice');
  expect(await accountOf(mallory.answer(challenge))).toBe('mallory');
});

test.each<[what: string, lies: Lies]>([
  ['another origin', { origin: 'https://evil.example' }],
  ['an origin below ours', { origin: `https://evil.${HOST}` }],
  ['an origin that only begins like ours', { origin: `https://${HOST}.evil.example` }],
  ['another port', { origin: `https://${HOST}:8443` }],
  ['plain HTTP', { origin: `http://${HOST}` }],
  ['another relying party', { rpId: 'evil.example' }],
  ['the parent domain as relying party', { rpId: 'example' }],
  ['an answer of a registration', { type: 'webauthn.create' }],
  ['a person who was present, but not verified', { flags: 1 }],
  ['nobody present', { flags: 4 }],
  ['the handle of somebody else', { handle: 'mallory' }],
  ['the passkey of somebody else', { id: mallory.id }],
])('one with %s is refused', async (_, lies) => {
  expect(await accountOf(alice.answer(challenge, lies))).toBeUndefined();
});

test('a challenge counts where it was given, and none is no challenge', async () => {
  const other = Buffer.from('another challenge').toString('base64url');
  expect(await accountOf(alice.answer(other))).toBeUndefined();
  expect(await accountOf(alice.answer(''), '')).toBeUndefined();
  expect(await accountOf(alice.answer(challenge), '')).toBeUndefined();
});

test('a counter that does not go on is a copy of the authenticator, or an answer that was replayed', async () => {
  expect(await accountOf(alice.answer(challenge, { counter: 7 }))).toBe('alice');
  for (const counter of [7, 6, 1, 0]) expect(await accountOf(alice.answer(challenge, { counter }))).toBeUndefined();
  expect(await accountOf(alice.answer(challenge, { counter: 8 }))).toBe('alice');
});

test('of two answers with one counter at the same time one counts', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => accountOf(alice.answer(challenge, { counter: 9 }))));
  expect(answers.filter((it) => it === 'alice')).toHaveLength(1);
});

test('whatever comes instead of an answer is refused, and nothing breaks', async () => {
  const response = JSON.parse(alice.answer(challenge)) as Record<string, Record<string, unknown>>;
  const broken = Object.keys(response['response'] ?? {}).flatMap((field) =>
    [null, 7, {}, [], '', 'A', '!!'].map((value) => ({
      ...response,
      response: { ...response['response'], [field]: value },
    })),
  );
  const all = [
    null,
    7,
    '',
    '[]',
    '{}',
    '{"id":1}',
    { id: alice.id, response: null },
    { id: '__proto__', response: {} },
  ];
  for (const it of [...all, ...broken])
    expect(await accountOf(typeof it === 'string' ? it : JSON.stringify(it))).toBeUndefined();
  expect(
    await accountOf(JSON.stringify({ ...response, response: { ...response['response'], userHandle: 7 } })),
  ).toBeUndefined();
});
