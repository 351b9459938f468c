import { generateKeyPairSync } from 'node:crypto';
import { createLocalJWKSet, SignJWT } from 'jose';
import { beforeEach, expect, test } from 'vitest';
import { EdgeInput } from '#engines/edge/input.ts';
import { EdgeService } from '#engines/edge/sections/services.ts';
import type { TokenIssuer } from '../issuers.ts';
import type { Person } from '../people.ts';
import { judgeBearer } from './bearer.ts';

/** What somebody else's provider, or another site, may not make of a token. */

const ISSUER = 'https://partner.example';
const OWN = 'https://accounts.lab.internet';
const ROBOT = 'ci@lab.iam.gserviceaccount.com';
const now = Date.now();
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const keys = createLocalJWKSet({ keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256' }] });
const alice: Person = {
  ...{ subject: '7', email: 'alice@example.com', domain: 'example.com', groups: [], displayName: 'Alice' },
  provider: 'people',
};

let people: Person[] = [];
let partner: Partial<TokenIssuer> = {};
beforeEach(() => {
  [people, partner] = [[alice], {}];
});

const service = EdgeService.parse({
  name: 'web',
  id: '1',
  hosts: ['app.example.com'],
  programmaticClients: ['client'],
});
const input = EdgeInput.parse({
  project: { id: 'lab', number: '123456789012', namespace: 'edge' },
  ...{ services: [service], bindings: [], accessLevels: [], directories: [], clients: [] },
  providers: [{ name: 'own', allowedDomains: [], internal: { host: 'accounts.lab.internet', directories: [] } }],
  serviceAccounts: [
    {
      ...{ name: 'ci', email: ROBOT, uniqueId: '108', disabled: false },
      keys: [{ id: 'k', publicKey: pair.publicKey.export({ format: 'pem', type: 'spki' }).toString() }],
    },
  ],
});

const token = (claims: Record<string, unknown>): Promise<string> =>
  new SignJWT({ aud: 'client', iss: ISSUER, email_verified: true, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuedAt(Math.floor(now / 1000))
    .setExpirationTime(Math.floor(now / 1000) + 600)
    .sign(pair.privateKey);

const judge = async (claims: Record<string, unknown>, host = 'app.example.com') => {
  const common = { keys, allowedDomains: [], requireVerifiedEmail: true };
  const known: Record<string, TokenIssuer> = {
    [ISSUER]: { ...common, provider: 'partner', ...partner },
    [OWN]: { ...common, provider: 'own' },
  };
  return judgeBearer(`Bearer ${await token(claims)}`, {
    ...{ input, service, host, now },
    issuers: { find: async (it) => known[it] },
    people: { find: async (it) => people.find((person) => person.subject === it || person.email === it) },
  });
};

test('another provider cannot speak for people of our own directory, unless it is told to', async () => {
  expect(await judge({ sub: '1', email: 'Alice@example.com' })).toMatchObject({ refused: 'token-issuer' });
  partner = { allowedDomains: ['example.com'] };
  expect(await judge({ sub: '1', email: 'alice@example.com' })).toMatchObject({ subject: { domain: 'example.com' } });
});

test('another provider vouches for no other organisation than that of the address, and its ids are nobody else’s', async () => {
  partner = { allowedDomains: ['partner.example'] };
  const found = await judge({ sub: alice.subject, email: 'eve@partner.example', hd: 'example.com' });
  expect(found).toMatchObject({ subject: { email: 'eve@partner.example', domain: 'partner.example' } });
  expect(found).not.toMatchObject({ id: alice.subject });
});

test('clients of another provider count where they are registered, and only there', async () => {
  partner = { allowedDomains: ['partner.example'], clients: ['their-command-line'] };
  const claims = { sub: '1', email: 'eve@partner.example', aud: 'their-command-line' };
  expect(await judge(claims)).toMatchObject({ subject: { email: 'eve@partner.example' } });
  expect(await judge({ ...claims, iss: OWN, sub: '7' })).toMatchObject({ refused: 'token-audience' });
});

test('a token of our own provider counts as long as the account does', async () => {
  const claims = { iss: OWN, sub: '7', email: 'alice@example.com' };
  expect(await judge(claims)).toMatchObject({
    id: '7',
    subject: { email: 'alice@example.com', domain: 'example.com' },
  });
  people = [];
  expect(await judge(claims)).toMatchObject({ refused: 'person-disabled' });
});

test('a token that a service account made for another site cannot be sent on to us under that name', async () => {
  const robot = { iss: ROBOT, sub: ROBOT };
  expect(await judge({ ...robot, aud: 'https://app.example.com/*' })).toMatchObject({ id: '108' });
  const elsewhere = { ...robot, aud: 'https://elsewhere.example/*' };
  expect(await judge(elsewhere, 'elsewhere.example')).toMatchObject({ refused: 'token-audience' });
});
