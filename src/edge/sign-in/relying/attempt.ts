import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { cookiesOf } from '../forms.ts';

/** One sign-in that is under way in one tab. It lives in a cookie of its own, so that tabs do not disturb each other. */
export interface Attempt {
  readonly state: string;
  readonly nonce: string;
  /** PKCE. */
  readonly verifier: string;
  readonly provider: string;
  /** Path to come back to. */
  readonly target: string;
  readonly host: string;
  /** Milliseconds since 1970. */
  readonly begun: number;
  /** Seconds: the sign-in may be no older. */
  readonly maxAge?: number;
}

const PREFIX = '__Host-iap-attempt-';
/** So many at once; the oldest gives way, so that cookies never grow too large for a request. */
export const MOST_ATTEMPTS = 5;
/** Milliseconds. */
const LIFE = 3_600_000;
/** States that were used already, remembered for as long as their cookie could come back. */
const MOST_USED = 20_000;

export interface AttemptBook {
  /** Gives the state, and the cookies to set. */
  begin(
    request: IncomingMessage,
    it: Omit<Attempt, 'state' | 'begun'>,
  ): { readonly state: string; readonly cookies: readonly string[] };
  /** The attempt that a callback belongs to: of this browser, of this host, and never twice. */
  take(request: IncomingMessage, state: string, host: string): Attempt | undefined;
  /** Takes the cookie away. */
  over(state: string): string;
}

const cookie = (name: string, value: string, seconds: number): string =>
  `${name}=${value}; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=Lax`;

/** `key`: 32 bytes that never leave the edge service. */
export function attemptBook(key: Buffer, now: () => number): AttemptBook {
  const used = new Map<string, number>();
  return {
    begin(request, it) {
      // The name begins with the time, so that the oldest is known by its name.
      const id = `${now().toString(36).padStart(9, '0')}${randomBytes(6).toString('hex')}`;
      const state = `${id}.${randomBytes(16).toString('base64url')}`;
      const open = [...cookiesOf(request).keys()].filter((name) => name.startsWith(PREFIX)).sort();
      const tooMany = open.slice(0, Math.max(0, open.length - MOST_ATTEMPTS + 1));
      const value = closed(key, JSON.stringify({ ...it, state, begun: now() } satisfies Attempt));
      return {
        state,
        cookies: [...tooMany.map((name) => cookie(name, '', 0)), cookie(`${PREFIX}${id}`, value, LIFE / 1000)],
      };
    },
    take(request, state, host) {
      const [id = ''] = state.split('.');
      const value = /^[0-9a-z]{10,40}$/.test(id) ? cookiesOf(request).get(`${PREFIX}${id}`) : undefined;
      const attempt = value === undefined ? undefined : opened(key, value);
      if (attempt === undefined || attempt.state !== state || attempt.host !== host) return undefined;
      if (now() - attempt.begun > LIFE || used.has(state)) return undefined;
      used.set(state, now());
      for (const [old, at] of used) {
        if (used.size <= MOST_USED && now() - at <= LIFE) break;
        used.delete(old);
      }
      return attempt;
    },
    over: (state) => cookie(`${PREFIX}${/^[0-9a-z]{10,40}/.exec(state)?.[0] ?? 'none'}`, '', 0),
  };
}

/** Nobody who sees the cookie reads the verifier, and nobody makes one up. */
function closed(key: Buffer, text: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

function opened(key: Buffer, value: string): Attempt | undefined {
  try {
    const box = Buffer.from(value, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, 12));
    decipher.setAuthTag(box.subarray(-16));
    const text = Buffer.concat([decipher.update(box.subarray(12, -16)), decipher.final()]).toString('utf8');
    return JSON.parse(text) as Attempt;
  } catch {
    return undefined;
  }
}
