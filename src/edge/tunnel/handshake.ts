import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { closeCodes } from './closing.ts';
import { MESSAGE_LIMIT } from './frames.ts';
import type { Guest, Relay, Way } from './relay.ts';
import { relaySocket } from './socket.ts';
import { type Destination, destinationOf, subjectOf, type TunnelHost, type Wanted, wantedOf } from './target.ts';

export const SUBPROTOCOL = 'relay.tunnel.cloudproxy.app';
export const CONNECT_PATH = '/v4/connect';
export const RECONNECT_PATH = '/v4/reconnect';

/** A refusal before there is a WebSocket. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 429 | 503;
  readonly reason: string;
  /** Who was refused, when that is known. */
  readonly principal?: string;
}

export interface HandshakeParts {
  readonly relay: Relay;
  readonly hosts: () => readonly TunnelHost[];
  /** Whether that is our project: by its name or its number. */
  readonly isProject: (project: string) => boolean;
  /**
   * Who asks, and whether they may go there. `way` undefined: they come back to a session of theirs, and all that is
   * asked is who they are.
   */
  readonly admit: (request: IncomingMessage, way: Way | undefined) => Promise<Guest | Refusal>;
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly addressOf: (request: IncomingMessage) => string;
}

export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** What a client asks for, with the permission to have it. */
type Admitted =
  | { readonly guest: Guest; readonly destination: Destination | string }
  | { readonly guest: Guest; readonly sid: string; readonly received: number };

/** Answers `GET /v4/connect` and `GET /v4/reconnect`: first who and whether, then a WebSocket. */
export function handshake(parts: HandshakeParts): Upgrade {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MESSAGE_LIMIT * 2,
    // A message is one frame with every client; each piece costs more than its bytes.
    maxFragments: 64,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    clientTracking: false,
  });
  return (request, socket, head) => {
    // Until ws takes it over, a client that goes away is nobody's error.
    const gone = (): void => void socket.destroy();
    socket.on('error', gone);
    admitted(parts, request).then(
      (it) => {
        if ('status' in it) refuse(parts, { request, socket }, it);
        else {
          socket.off('error', gone);
          sockets.handleUpgrade(request, socket, head, (opened) => enter(parts, opened, it));
        }
      },
      (error: unknown) => {
        parts.log('defect', { at: 'tunnel handshake', message: String(error) });
        refuse(parts, { request, socket }, { status: 503, reason: 'the relay cannot decide at the moment' });
      },
    );
  };
}

async function admitted(parts: HandshakeParts, request: IncomingMessage): Promise<Admitted | Refusal> {
  const url = new URL(request.url ?? '/', 'http://relay');
  const query = url.searchParams;
  if (url.pathname.endsWith(RECONNECT_PATH)) {
    const [sid, received] = [query.get('sid') ?? '', Number(query.get('ack') ?? '')];
    if (sid === '' || !Number.isSafeInteger(received) || received < 0)
      return { status: 400, reason: 'the query names no session and no count of bytes' };
    const guest = await parts.admit(request, undefined);
    return 'status' in guest ? guest : { guest, sid, received };
  }
  if (!url.pathname.endsWith(CONNECT_PATH)) return { status: 404, reason: 'there is nothing here' };
  const wanted = wantedOf(query);
  if ('malformed' in wanted) return { status: 400, reason: wanted.malformed };
  if (!parts.isProject(wanted.project)) return { status: 404, reason: `this relay does not serve ${wanted.project}` };
  const destination = destinationOf(wanted, parts.hosts());
  const guest = await parts.admit(request, wayOf(wanted, destination));
  if ('status' in guest) return guest;
  const full = parts.relay.full(guest.principal);
  if (full !== undefined) return { status: 429, reason: full, principal: guest.principal };
  return { guest, destination };
}

function wayOf(wanted: Wanted, found: Destination | string): Way {
  return typeof found === 'string'
    ? { instance: subjectOf(wanted), port: wanted.port, address: undefined }
    : { instance: found.instance, port: found.port, address: found.address };
}

function enter({ relay, log }: HandshakeParts, socket: import('ws').WebSocket, it: Admitted): void {
  if ('sid' in it) void relay.comeBack(socket, it.sid, it.received, it.guest);
  else if (typeof it.destination !== 'string') relay.open(socket, it.destination, it.guest);
  else {
    const { principal, address: client } = it.guest;
    log('tunnel.failed', { principal, client, reason: it.destination });
    relaySocket(socket, { onMessage: () => {}, onClose: () => {} }).close(closeCodes.lookupFailed, it.destination);
  }
}

/** The reason stands in the status line as well: that is what command line clients print. */
function refuse(
  { log, addressOf }: HandshakeParts,
  { request, socket }: { readonly request: IncomingMessage; readonly socket: Duplex },
  { status, reason, principal }: Refusal,
): void {
  const query = new URLSearchParams((request.url ?? '').replace(/^[^?]*/, ''));
  log('tunnel.refused', {
    ...(principal === undefined ? {} : { principal }),
    client: addressOf(request),
    instance: query.get('instance') ?? query.get('host') ?? '',
    port: Number(query.get('port') ?? 0),
    status,
    reason,
  });
  const phrase = reason.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
  const body = `${reason}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${phrase}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    ...(status === 401 ? ['www-authenticate: Bearer realm="tunnel"'] : []),
    'connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
