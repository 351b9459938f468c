import { decodeJwt, decodeProtectedHeader, errors, importSPKI, type JWTPayload, jwtVerify } from 'jose';
import type { Known } from '#access/policy/facts.ts';
import type { ReasonCode } from '#access/policy/reason.ts';
import type { EdgeInput } from '#engines/edge/input.ts';
import type { EdgeService } from '#engines/edge/sections/services.ts';
import type { TokenIssuer, TokenIssuers } from '../issuers.ts';
import type { People } from '../people.ts';
import { hostFits } from '../sign-in/provider/clients.ts';
import { foreignSubject } from '../sign-in/relying/person.ts';

/** Signatures that are accepted: none with a shared secret, and never none. */
const algorithms = ['RS256', 'ES256', 'PS256', 'EdDSA'];
/** Seconds that clocks may differ, and that a token which a service account signs itself may be valid. */
const limits = { skew: 30, selfSigned: 3600, length: 8192 } as const;

/** Who a token stands for. */
export interface Bearer {
  readonly subject: Known;
  /** What `sub` and the id header carry. */
  readonly id: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Unix seconds. */
  readonly expiresAt: number;
}

export type BearerResult = Bearer | { readonly refused: ReasonCode; readonly detail: string };

export interface BearerParts {
  readonly input: EdgeInput;
  readonly service: EdgeService;
  readonly host: string;
  readonly issuers: TokenIssuers;
  readonly people: Pick<People, 'find'>;
  /** Milliseconds. */
  readonly now: number;
}

/** Judges a header `Bearer TOKEN`: an ID token for an allowed client, or a token that a service account has signed. */
export async function judgeBearer(header: string, parts: BearerParts): Promise<BearerResult> {
  const token = /^bearer +([A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]*)$/i.exec(header.trim())?.[1];
  if (token === undefined || token.length > limits.length) return refuse('token-malformed', 'it is no JWT');
  try {
    const { iss } = decodeJwt(token);
    const { alg } = decodeProtectedHeader(token);
    if (!algorithms.includes(alg ?? '')) return refuse('token-algorithm', String(alg).slice(0, 40));
    const account = parts.input.serviceAccounts.find((it) => it.email === iss);
    return account === undefined
      ? await judgeIdToken(token, iss ?? '', parts)
      : await judgeSelfSigned(token, account, parts);
  } catch (error) {
    return refusalOf(error);
  }
}

type Account = EdgeInput['serviceAccounts'][number];

async function judgeSelfSigned(token: string, account: Account, parts: BearerParts): Promise<BearerResult> {
  const { kid, alg = '' } = decodeProtectedHeader(token);
  const key = account.keys.find((it) => it.id === kid);
  if (key === undefined) return refuse('token-key-unknown', String(kid).slice(0, 80));
  if (account.disabled) return refuse('person-disabled', account.email);
  const publicKey = await importSPKI(key.publicKey, alg).catch(() => undefined);
  if (publicKey === undefined) return refuse('token-algorithm', `the key ${key.id} is of another kind`);
  const { payload } = await jwtVerify(token, publicKey, {
    algorithms,
    issuer: account.email,
    subject: account.email,
    audience: [...clientsOf(parts), ...ownAddresses(parts)],
    maxTokenAge: limits.selfSigned,
    requiredClaims: ['exp', 'iat'],
    clockTolerance: limits.skew,
    currentDate: new Date(parts.now),
  });
  if ((payload.exp ?? 0) - (payload.iat ?? 0) > limits.selfSigned) {
    return refuse('token-too-long', `more than ${limits.selfSigned} seconds`);
  }
  const subject: Known = { kind: 'serviceAccount', email: account.email, groups: [] };
  return { subject, id: account.uniqueId || account.email, claims: payload, expiresAt: payload.exp ?? 0 };
}

async function judgeIdToken(token: string, iss: string, parts: BearerParts): Promise<BearerResult> {
  const issuer = await parts.issuers.find(iss);
  if (issuer === undefined) return refuse('token-issuer', iss.slice(0, 200));
  const { payload } = await jwtVerify(token, issuer.keys, {
    algorithms,
    issuer: iss,
    audience: [...clientsOf(parts), ...(issuer.clients ?? [])],
    requiredClaims: ['exp', 'iat', 'sub', 'email'],
    clockTolerance: limits.skew,
    currentDate: new Date(parts.now),
  });
  return whoOf(payload, issuer, parts);
}

/**
 * The addresses that a token may be made for: only names that the service is declared under. Any other name may be another
 * site's, to which the token was sent, and which now sends it on to us under its own name.
 */
function ownAddresses({ input, service, host }: BearerParts): readonly string[] {
  const fronts = input.hosts.flatMap((it) => (it.service === service.name ? [it.host] : []));
  const declared = [...service.hosts, ...fronts].some((pattern) => hostFits(withoutPort(pattern), host));
  return declared ? [`https://${host}/*`, `https://${host}/`, `https://${host}`] : [];
}

const withoutPort = (host: string): string => host.replace(/:\d+$/, '');

/** The same rules as at a sign-in: what a provider says of somebody counts for its own people alone. */
async function whoOf(payload: JWTPayload, issuer: TokenIssuer, { input, people }: BearerParts): Promise<BearerResult> {
  const provider = input.providers.find((it) => it.name === issuer.provider);
  if (provider?.internal !== undefined) {
    const person = await people.find(String(payload.sub));
    if (person === undefined) return refuse('person-disabled', String(payload['email']).slice(0, 254));
    const { email, domain, subject } = person;
    const known: Known = { kind: 'person', email, groups: [], ...(domain === undefined ? {} : { domain }) };
    return { subject: known, id: subject, claims: payload, expiresAt: payload.exp ?? 0 };
  }
  const email = String(payload['email']).toLowerCase();
  const domain = email.slice(email.lastIndexOf('@') + 1);
  if (issuer.requireVerifiedEmail && payload['email_verified'] !== true) {
    return refuse('token-unverified-email', email.slice(0, 254));
  }
  if (issuer.allowedDomains.length > 0 && !issuer.allowedDomains.includes(domain)) {
    return refuse('token-issuer', `${issuer.provider} may not vouch for ${domain.slice(0, 253)}`);
  }
  // An address of one of our own people says who may do what.
  if ((await people.find(email)) !== undefined && !issuer.allowedDomains.includes(domain)) {
    return refuse('token-issuer', `${issuer.provider} may not vouch for ${email.slice(0, 254)}`);
  }
  const vouched = typeof payload['hd'] === 'string' || issuer.allowedDomains.includes(domain);
  const subject: Known = { kind: 'person', email, groups: [], ...(vouched ? { domain } : {}) };
  const id = foreignSubject(payload.iss ?? '', String(payload.sub));
  return { subject, id, claims: payload, expiresAt: payload.exp ?? 0 };
}

/** Client ids for which a token may have been made. */
function clientsOf({ input, service }: BearerParts): readonly string[] {
  const own = input.clients.find((it) => it.name === service.oauthClient);
  const programmatic = input.clients.filter((it) => it.programmatic);
  return [
    ...new Set([
      ...(own === undefined ? [] : [own.id]),
      ...service.programmaticClients,
      ...programmatic.map((it) => it.id),
    ]),
  ];
}

const refuse = (refused: ReasonCode, detail: string): BearerResult => ({ refused, detail });

/** The library's errors in our words. */
function refusalOf(error: unknown): BearerResult {
  if (error instanceof errors.JWTExpired) return refuse('token-expired', error.message);
  if (error instanceof errors.JWTClaimValidationFailed) {
    const byClaim: Readonly<Record<string, ReasonCode>> = {
      aud: 'token-audience',
      iss: 'token-issuer',
      sub: 'token-issuer',
      nbf: 'token-not-yet',
      iat: 'token-not-yet',
    };
    return refuse(byClaim[error.claim] ?? 'token-malformed', error.message);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return refuse('token-signature', error.message);
  if (error instanceof errors.JOSEAlgNotAllowed) return refuse('token-algorithm', error.message);
  if (error instanceof errors.JWKSNoMatchingKey) return refuse('token-key-unknown', error.message);
  if (error instanceof errors.JOSEError || error instanceof TypeError) {
    return refuse('token-malformed', error instanceof Error ? error.message : '');
  }
  throw error;
}
