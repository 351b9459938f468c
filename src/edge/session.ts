import { SESSION_COOKIE } from '#access/iap.ts';
import type { Person } from './people.ts';

export { SESSION_COOKIE };

export interface NewSession {
  readonly person: Person;
  /** Host whose cookie it is: a session counts nowhere else. */
  readonly host: string;
  /** Unix seconds of the sign-in itself. */
  readonly authTime: number;
  /** How: RFC 8176 values such as `pwd`, `otp`, `hwk`, `mfa`. */
  readonly methods: readonly string[];
  /** Claims of the provider that conditions may read as `request.auth.claims`. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** The sign-in at a central host that this session comes from: ending that ends this. */
  readonly parent?: string;
  /** Seconds; at most the longest that the store allows. */
  readonly seconds?: number;
}

export interface Session extends Omit<NewSession, 'seconds'> {
  /** SHA-256 of the cookie, base64url: names the session in HAProxy, in logs and here; the cookie itself is kept nowhere. */
  readonly key: string;
  readonly createdAt: number;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/** Which sessions: all fields that are given must fit. */
export interface SessionFilter {
  readonly key?: string;
  readonly subject?: string;
  readonly email?: string;
  readonly provider?: string;
  readonly parent?: string;
}

/** Live sessions. They outlive the process; nobody can forge one, and a reader of the store cannot use one. */
export interface Sessions {
  /** Gives the cookie's value: 256 random bits, base64url, 43 characters. */
  create(session: NewSession): string;
  /** By the cookie's value; undefined when it is unknown, expired or revoked. */
  find(cookie: string): Session | undefined;
  findKey(key: string): Session | undefined;
  list(filter: SessionFilter): readonly Session[];
  /** Ends sessions for good, and tells the listeners; gives how many. An empty filter ends none. */
  revoke(filter: SessionFilter): number;
  /** Told in the same turn in which sessions end. */
  onRevoked(listener: (ended: readonly Session[]) => void): () => void;
  /** The clock went back by so many seconds: every session began, and ends, so much earlier by it. */
  age(seconds: number): void;
  count(): number;
}

/** The header that gives a session to a browser. Lax: a link from elsewhere still arrives signed in. */
export const sessionCookie = (value: string, seconds: number): string =>
  `${SESSION_COOKIE}=${value}; Max-Age=${seconds}; Path=/; Secure; HttpOnly; SameSite=Lax`;

export const clearedCookie = (): string => sessionCookie('', 0);

/** Set when somebody asks for another account: the next sign-in does not simply go on with the one before. */
export const SWITCH_COOKIE = '__Host-iap-switch';
export const switchCookie = (seconds: number): string =>
  `${SWITCH_COOKIE}=1; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=Lax`;
