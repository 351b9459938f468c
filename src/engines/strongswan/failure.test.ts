import { expect, test } from 'vitest';
import { listener } from './failure.ts';

const line = (text: string, conversation = '1', connection = '') => ({ conversation, connection, text });

/** What is found in lines that follow each other in one conversation; the last finding counts. */
const found = (...texts: readonly string[]) => {
  const hear = listener();
  return texts.map((it) => hear(line(it))).findLast((it) => it !== undefined);
};

test.each([
  [
    'subject certificate invalid (valid from Jan 01 00:00:00 2020 to Jan 01 00:00:00 2021)',
    'certificate-expired',
    /2020 to .*2021/,
  ],
  [
    'issuer certificate invalid (valid from Jan 01 00:00:00 2030 to Jan 01 00:00:00 2031)',
    'certificate-expired',
    /clocks/,
  ],
  ['crl is stale: since Jan 01 00:00:00 2021', 'revocation-unknown', /too old/],
  [
    'certificate was revoked on Jan 01 00:00:00 UTC 2026, reason: key compromise',
    'certificate-revoked',
    /new certificate/,
  ],
  ['no issuer certificate found for "CN=somebody"', 'certificate-foreign', /somebody/],
  ['giving up after 4 retransmits', 'silent', /ports 500 and 4500/],
  ['unable to install IPsec policies (SPD) in kernel', 'system', /doctor/],
] as const)('%s', (text, code, words) => {
  const finding = found(text);
  expect(finding?.code).toBe(code);
  expect(`${finding?.message} ${finding?.fix}`).toMatch(words);
});

test('what was said first of a certificate is the reason, not that nobody vouches for it in the end', () => {
  const hear = listener();
  expect(hear(line('certificate was revoked on Jan 01 00:00:00 UTC 2026, reason: superseded'))?.code).toBe(
    'certificate-revoked',
  );
  expect(hear(line("no trusted ECDSA public key found for 'there.example.com'"))).toBeUndefined();
  // Another conversation is judged by itself.
  expect(hear(line("no trusted ECDSA public key found for 'there.example.com'", '2'))?.code).toBe(
    'certificate-foreign',
  );
});

test('a refusal before charon knows whom it is about is told with who asked, and how they call themselves', () => {
  const finding = found(
    '203.0.113.9 is initiating an IKE_SA',
    'looking for peer configs matching 198.51.100.1[office]...203.0.113.9[branch of "A"]',
    'no matching peer config found',
  );
  expect(finding).toMatchObject({ code: 'unknown-identity', address: '203.0.113.9', connection: '' });
  expect(finding?.message).toBe('the peer calls itself branch of "A" and us office, and no tunnel expects that');
});

test('lists of algorithms that do not meet are side by side, and only after both were said', () => {
  expect(found('configured proposals: IKE:AES_CBC_256')).toBeUndefined();
  expect(
    found('received proposals: IKE:AES_CBC_128/MODP_2048', 'configured proposals: IKE:AES_GCM_16_256/ECP_384')?.message,
  ).toBe('no algorithms for keys in common: the peer offers AES_CBC_128-MODP_2048, we take AES_GCM_16_256-ECP_384');
});

test('the first repetition of a packet is no reason for anything', () => {
  expect(found('retransmit 1 of request with message ID 0')).toBeUndefined();
  expect(found('retransmit 2 of request with message ID 0')?.code).toBe('silent');
});

test('a flood of conversations is forgotten from its beginning, and what is alive is still understood', () => {
  const hear = listener();
  hear(line('203.0.113.9 is initiating an IKE_SA', 'old'));
  for (let n = 0; n < 20_000; n++) hear(line(`10.0.0.${n % 250} is initiating an IKE_SA`, String(n)));
  expect(hear(line('no matching peer config found', 'old'))?.address).toBe('');
  expect(hear(line('no matching peer config found', '19999'))?.address).toBe('10.0.0.249');
});
