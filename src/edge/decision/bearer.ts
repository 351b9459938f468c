import { decodeJwt, decodeProtectedHeader, errors, importSPKI, type JWTPayload, jwtVerify } from 'jose';
import type { Known } from '#access/policy/facts.ts';
import type { ReasonCode } from '#access/policy/reason.ts';
import type { EdgeInput } from '#engines/edge/input.ts';
import type { EdgeService } from '#engines/edge/sections/services.ts';
import type { TokenIssuers } from '../issuers.ts';

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
    audience: [...clientsOf(parts), `https://${parts.host}/*`, `https://${parts.host}/`, `https://${parts.host}`],
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
    audience: [...clientsOf(parts)],
    requiredClaims: ['exp', 'iat', 'sub', 'email'],
    clockTolerance: limits.skew,
    currentDate: new Date(parts.now),
  });
  return whoOf(payload, issuer);
}

function whoOf(payload: JWTPayload, issuer: NonNullable<Awaited<ReturnType<TokenIssuers['find']>>>): BearerResult {
  const email = String(payload['email']).toLowerCase();
  const domain = email.slice(email.lastIndexOf('@') + 1);
  if (issuer.requireVerifiedEmail && payload['email_verified'] !== true) {
    return refuse('token-unverified-email', email.slice(0, 254));
  }
  if (issuer.allowedDomains.length > 0 && !issuer.allowedDomains.includes(domain)) {
    return refuse('token-issuer', `${issuer.provider} may not vouch for ${domain.slice(0, 253)}`);
  }
  const hd = payload['hd'];
  const subject: Known = {
    kind: 'person',
    email,
    groups: [],
    ...(typeof hd === 'string' ? { domain: hd.toLowerCase() } : {}),
  };
  return { subject, id: String(payload.sub), claims: payload, expiresAt: payload.exp ?? 0 };
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
