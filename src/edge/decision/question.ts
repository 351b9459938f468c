import { flags } from '#access/policy/flags.ts';
import { digestOf, type Shown } from '../devices/devices.ts';
import type { Values } from './spoe/frame.ts';

/** How a request is known again: which parts HAProxy has put into the key. */
export type Shape = 'session' | 'address' | 'path';

/** What HAProxy asks about one request. */
export interface Question {
  /** SHA-256 of the cookie or of the header with the token, base64url; `anonymous` without either. */
  readonly credential: string;
  readonly kind: 'cookie' | 'authorization' | 'proxyAuthorization' | 'none';
  /** The header with the token, as it came. */
  readonly token: string;
  readonly service: string;
  /** Epoch and flags of the service as HAProxy has them: what is remembered is remembered under these. */
  readonly epoch: string;
  readonly shape: Shape;
  /** Digest of what the shape names, which HAProxy has computed. */
  readonly extra: string;
  readonly host: string;
  /** As it came, with the query. */
  readonly url: string;
  readonly method: string;
  readonly source: string;
  readonly sourcePort: number;
  readonly requestId: string;
  /** Whether the request may outlive the decision: an upgrade, an event stream, gRPC. */
  readonly lasting: boolean;
  /** What the device has shown on this connection; absent where nobody asks for it. */
  readonly shown?: Shown;
}

const text = (values: Values, name: string): string => {
  const value = values[name];
  return typeof value === 'string' ? value : '';
};

const digestOr = (value: string, otherwise: string): string => (/^[A-Za-z0-9_-]{43}$/.test(value) ? value : otherwise);

/** Total: whatever is missing is empty, and an empty service is known to nobody. */
export function questionOf(args: Values): Question {
  const credential = digestOr(text(args, 'credential'), 'anonymous');
  const [own, proxy] = [text(args, 'token'), text(args, 'proxyToken')];
  const withoutToken = credential === 'anonymous' ? 'none' : 'cookie';
  const epoch = text(args, 'epoch');
  return {
    credential,
    kind: proxy !== '' ? 'proxyAuthorization' : own !== '' ? 'authorization' : withoutToken,
    token: proxy === '' ? own : proxy,
    service: text(args, 'service'),
    epoch: /^[0-9a-z]{1,16}(-[A-Z]{1,8})?$/.test(epoch) ? epoch : '',
    shape: shapeOf(epoch),
    extra: digestOr(text(args, 'extra'), ''),
    host: text(args, 'host'),
    url: text(args, 'url'),
    method: text(args, 'method'),
    source: text(args, 'source'),
    sourcePort: typeof args['sourcePort'] === 'number' ? args['sourcePort'] : 0,
    requestId: text(args, 'requestId'),
    lasting: args['lasting'] === true,
    ...shownOf(args),
  };
}

/** `verified` is 0 for a certificate that the engine has found good; one that it has not is not looked at. */
function shownOf({ certificate, verified }: Values): Pick<Question, 'shown'> {
  if (!(certificate instanceof Uint8Array)) return {};
  if (verified !== 0) return { shown: { device: '', unfounded: true } };
  return { shown: { certificate, device: digestOf(certificate) } };
}

export function shapeOf(epoch: string): Shape {
  const given = epoch.split('-')[1] ?? '';
  if (given.includes(flags.path)) return 'path';
  return given.includes(flags.address) ? 'address' : 'session';
}

/** What HAProxy answers to us by: variables of the transaction under the prefix `iap`. */
export interface Answer {
  readonly verdict: 'allow' | 'login' | 'deny' | 'unauthorized';
  /** The first reason, for the access log. */
  readonly reason: string;
  readonly email?: string;
  readonly subject?: string;
  readonly assertion?: string;
  /** Body of a refusal. */
  readonly page?: string;
  /** Which header was ours and is not for the application. */
  readonly strip?: 'authorization' | 'proxyAuthorization';
  /** For `unauthorized`: what is wrong with the token, for WWW-Authenticate. */
  readonly error?: string;
}
