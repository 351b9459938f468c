import { MODE_PARAMETER } from '#access/iap.ts';
import { type AssertionClaims, assertion } from './assertion.ts';
import type { KeyRing } from './keys.ts';

/** How the assertion of `?gcp-iap-mode=SECURE_TOKEN_TEST&iap-secure-token-test-type=…` is wrong. */
const tests = {
  NOT_SET: () => undefined,
  SIGNATURE: ({ make, now }) => broken(make({}, now)),
  FUTURE_ISSUE: ({ make, now }) => make({}, now + 86_400),
  PAST_EXPIRATION: ({ make, now }) => make({}, now - 86_400),
  ISSUER: ({ make, now }) => make({ issuer: 'https://example.com/not-iap' }, now),
  AUDIENCE: ({ make, now }) => make({ audience: 'wrong-audience' }, now),
} satisfies Readonly<Record<string, (it: Maker) => string | undefined>>;

interface Maker {
  readonly make: (change: Partial<AssertionClaims>, seconds: number) => string;
  readonly now: number;
}

/** A signature whose first character is another. */
const broken = (token: string): string => {
  const at = token.lastIndexOf('.') + 1;
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
};

/**
 * The assertion for a request. Whoever is let in may ask for one that an application must refuse, to test that it looks:
 * such a request is never remembered.
 */
export function assertionFor(
  keys: KeyRing,
  claims: AssertionClaims,
  { url, now }: { readonly url: string; readonly now: number },
): { readonly assertion: string | undefined; readonly isTest: boolean } {
  const seconds = Math.floor(now / 1000);
  const make: Maker['make'] = (change, at) => assertion(keys, { ...claims, ...change }, at);
  const query = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?') + 1) : '');
  if (query.get(MODE_PARAMETER) !== 'SECURE_TOKEN_TEST') return { assertion: make({}, seconds), isTest: false };
  const type = query.get('iap-secure-token-test-type') ?? 'NOT_SET';
  const test = Object.hasOwn(tests, type) ? tests[type as keyof typeof tests] : tests.NOT_SET;
  return { assertion: test({ make, now: seconds }), isTest: true };
}
