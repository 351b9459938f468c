import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Problem } from '#core/problem.ts';
import { type Closing, closeCodes, RelayViolation } from '#edge/tunnel/closing.ts';
import { decodeFrame, MESSAGE_LIMIT } from '#edge/tunnel/frames.ts';
import { SUBPROTOCOL } from '#edge/tunnel/handshake.ts';
import { Session } from '#edge/tunnel/session.ts';
import { type RelaySocket, relaySocket } from '#edge/tunnel/socket.ts';

/** A relay, and where it shall lead. */
export interface TunnelRoute {
  /** `wss://…` for a new session. */
  readonly connect: string;
  /** The same for one that goes on. */
  readonly reconnect: (sid: string, received: number) => string;
  readonly token: () => string | Promise<string>;
  /** Certificate authorities, PEM; default the system's. */
  readonly authority?: string;
  /** What is to be reached, for messages: `server port 22`. */
  readonly name: string;
}

export interface TunnelOptions {
  /** Ends it in good order, so that the relay does not wait for us to come back. */
  readonly signal?: AbortSignal;
  /** Told once, when the connection to the host stands. */
  readonly onOpen?: () => void;
  /** Told when the line is lost and found again. */
  readonly note?: (text: string) => void;
  /** Milliseconds between attempts to come back (they grow by half), and until giving up. */
  readonly retry?: { readonly first: number; readonly most: number; readonly giveUp: number };
}

const patience = { first: 300, most: 10_000, giveUp: 15 * 60_000 };
/** Milliseconds for the first frame: the relay connects to the host before it. */
const HANDSHAKE = 60_000;
/** Bytes that may be under way without being confirmed; no relay stops us for that little. */
const WINDOW = 512 * 1024;
/** Milliseconds without a byte from the host after which a client that says nothing more has heard everything. */
const QUIET = 10_000;

/** A line that is there: the first frame has come. */
interface Line {
  readonly socket: RelaySocket;
  readonly first: { readonly sid: string } | { readonly received: number };
  /** From here on messages and the end go there. What came meanwhile is told first. */
  listen(onMessage: (message: Buffer) => void, onEnd: (end: LineEnd) => void): void;
}

interface LineEnd extends Closing {
  readonly lost: boolean;
}

/** Carries one TCP connection through the relay until either end is done. Rejects with a Problem when it cannot. */
export async function runTunnel(route: TunnelRoute, local: Duplex, options: TunnelOptions = {}): Promise<void> {
  const line = await dial(route, route.connect);
  if (!('sid' in line.first)) throw unexpected(route, 'the relay began with a session that never was');
  const carrier = new Carrier(route, line.first.sid, local, options);
  options.onOpen?.();
  await carrier.run(line);
}

/** One session from the client's side. */
class Carrier {
  readonly #route: TunnelRoute;
  readonly #sid: string;
  readonly #local: Duplex;
  readonly #options: TunnelOptions;
  readonly #session: Session;
  #socket: RelaySocket | undefined;
  #finished = false;
  #localEnded = false;
  #lastByte = Date.now();

  constructor(route: TunnelRoute, sid: string, local: Duplex, options: TunnelOptions) {
    this.#route = route;
    this.#sid = sid;
    this.#local = local;
    this.#options = options;
    this.#session = new Session({
      window: () => WINDOW,
      deliver: (bytes) => {
        this.#lastByte = Date.now();
        return local.writable ? local.write(bytes) : true;
      },
      onRoom: () => local.resume(),
    });
  }

  async run(line: Line): Promise<void> {
    const ticking = setInterval(() => this.#tick(), 500);
    this.#listenLocal();
    try {
      let end = await this.#until(line, () => this.#session.attach(line.socket));
      while (this.#mayComeBack(end)) {
        const back = await this.#comeBack();
        if (back === undefined) return;
        const { first } = back;
        if (!('received' in first)) throw unexpected(this.#route, 'the relay began another session');
        end = await this.#until(back, () => this.#session.resume(back.socket, first.received));
      }
      if (!this.#finished && end.code !== closeCodes.normal) throw ended(this.#route, end);
    } finally {
      clearInterval(ticking);
      this.#local.off('data', this.#take);
      this.#options.signal?.removeEventListener('abort', this.#finish);
      // What came is still to be read; nothing more is.
      if (this.#local.writable) this.#session.flush();
      this.#local.end();
    }
  }

  readonly #take = (chunk: Buffer): void => {
    if (!this.#session.write(chunk)) this.#local.pause();
  };

  #listenLocal(): void {
    const local = this.#local;
    local.on('data', this.#take);
    local.on('drain', () => this.#session.drained());
    local.on('end', () => {
      this.#localEnded = true;
      this.#lastByte = Date.now();
    });
    this.#options.signal?.addEventListener('abort', this.#finish, { once: true });
    local.on('error', this.#finish);
    local.on('close', this.#finish);
  }

  /** Whoever has said everything may still listen; when nothing comes for a while, both are done. */
  #tick(): void {
    this.#session.tick();
    if (this.#localEnded && this.#session.unconfirmed === 0 && Date.now() - this.#lastByte > QUIET) this.#finish();
  }

  readonly #finish = (): void => {
    if (this.#finished) return;
    this.#finished = true;
    this.#socket?.close(closeCodes.normal, '');
  };

  #mayComeBack(end: LineEnd): boolean {
    if (this.#finished) return false;
    return end.lost || end.code === closeCodes.reauthenticate;
  }

  /** Works over one line until its end. */
  #until(line: Line, begin: () => void): Promise<LineEnd> {
    return new Promise((resolve) => {
      let over = false;
      this.#socket = line.socket;
      begin();
      line.listen(
        (message) => {
          if (over) return;
          try {
            this.#session.take(message);
          } catch (error) {
            if (!(error instanceof RelayViolation)) throw error;
            over = true;
            line.socket.close(error.code, error.reason);
            resolve({ code: error.code, reason: `the relay broke the protocol: ${error.reason}`, lost: false });
          }
        },
        (end) => {
          over = true;
          this.#session.detach();
          resolve(end);
        },
      );
      if (this.#finished) line.socket.close(closeCodes.normal, '');
    });
  }

  /** Undefined: it is not wanted any more. */
  async #comeBack(): Promise<Line | undefined> {
    const { first, most, giveUp } = this.#options.retry ?? patience;
    const deadline = Date.now() + giveUp;
    let wait = first;
    this.#options.note?.(`The connection to ${this.#route.name} was lost; trying to resume it.`);
    while (!this.#finished) {
      try {
        const line = await dial(this.#route, this.#route.reconnect(this.#sid, this.#session.received));
        this.#options.note?.(`The connection to ${this.#route.name} was resumed.`);
        return line;
      } catch (error) {
        if (!(error instanceof Problem) || error.code !== 'HOST_UNREACHABLE' || Date.now() > deadline) throw error;
      }
      await sleep(wait, undefined, this.#options).catch(() => {});
      wait = Math.min(most, wait * 1.5);
    }
    return undefined;
  }
}

/** Opens a WebSocket and waits for the first frame. HOST_UNREACHABLE: it may be tried again. */
async function dial(route: TunnelRoute, url: string): Promise<Line> {
  const token = await route.token();
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [SUBPROTOCOL], {
      headers: { authorization: `Bearer ${token}` },
      origin: 'bot:iap-tunneler',
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE,
      maxPayload: MESSAGE_LIMIT * 2,
      // Masks keep intermediaries from taking payload for HTTP; under TLS there is nobody to do so, and zeros cost nothing.
      ...(url.startsWith('wss:') ? { generateMask: (mask: Buffer) => void mask.fill(0) } : {}),
      ...(route.authority === undefined ? {} : { ca: route.authority }),
    });
    let onMessage: (message: Buffer) => void;
    let onEnd: ((end: LineEnd) => void) | undefined;
    let early: LineEnd | undefined;
    const kept: Buffer[] = [];
    const late = setTimeout(() => socket.terminate(), HANDSHAKE);
    const wire = relaySocket(socket, {
      onMessage: (message) => {
        if (onEnd === undefined) kept.push(message);
        else onMessage(message);
        if (first !== undefined) return;
        try {
          first = firstOf(kept.shift() ?? message);
        } catch (error) {
          reject(unexpected(route, String(error)));
          socket.terminate();
          return;
        }
        clearTimeout(late);
        resolve({
          socket: wire,
          first,
          listen: (messages, end) => {
            [onMessage, onEnd] = [messages, end];
            for (const it of kept.splice(0)) messages(it);
            if (early !== undefined) end(early);
          },
        });
      },
      onClose: (end) => {
        clearTimeout(late);
        if (onEnd !== undefined) onEnd(end);
        else early = end;
        if (first === undefined) reject(end.lost ? unreachable(route, 'the line broke') : ended(route, end));
      },
    });
    let first: Line['first'] | undefined;
    socket.on('unexpected-response', (_, response) => {
      void refusalOf(route, response).then((problem) => {
        reject(problem);
        socket.terminate();
      });
    });
    socket.on('error', (error) => reject(unreachable(route, error.message)));
  });
}

function firstOf(message: Buffer): Line['first'] {
  const frame = decodeFrame(message);
  if (frame.kind === 'connected') return { sid: frame.sid };
  if (frame.kind === 'reconnected') return { received: frame.received };
  throw new RangeError(`it began with a frame "${frame.kind}"`);
}

/** The relay refused before there was a connection; the body says why, as a problem of the API or in plain words. */
async function refusalOf(route: TunnelRoute, response: IncomingMessage): Promise<Problem> {
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) if (text.length < 65_536) text += chunk.toString('utf8');
  try {
    return Problem.from((JSON.parse(text) as { error: Problem }).error);
  } catch {
    // In plain words, then.
  }
  const { statusCode = 500 } = response;
  const message = text.trim().slice(0, 500) || `the relay answered ${statusCode}`;
  if (statusCode >= 500) return unreachable(route, message);
  const code = statusCode === 401 ? 'UNAUTHENTICATED' : statusCode === 403 ? 'PERMISSION_DENIED' : 'INVALID_REQUEST';
  const fix =
    code === 'INVALID_REQUEST'
      ? 'Correct that, then try again.'
      : 'Ask for the role "IAP-secured Tunnel User" (roles/iap.tunnelResourceAccessor) on the host or the project.';
  return new Problem(code, { at: route.name, message, fix });
}

const unreachable = (route: TunnelRoute, message: string): Problem =>
  new Problem('HOST_UNREACHABLE', {
    at: route.name,
    message: `the relay does not answer: ${message}`,
    fix: 'Is the address right, and is a firewall in between?',
  });

const unexpected = (route: TunnelRoute, message: string): Problem =>
  new Problem('INTERNAL', { at: route.name, message, fix: 'Is this a relay for TCP tunnels?' });

/** The fix for each way in which a relay ends a connection by itself. */
const fixes: Readonly<Record<number, string>> = {
  [closeCodes.failedToConnect]: 'Look at the host, and at the firewall rules of its network.',
  [closeCodes.notAuthorized]: 'Ask for the role "IAP-secured Tunnel User" on the host or the project.',
  [closeCodes.sidUnknown]: 'Connect again; what was under way is lost.',
  [closeCodes.lookupFailed]: '`vauban get instances` lists them.',
};

const ended = (route: TunnelRoute, { code, reason }: Closing): Problem =>
  new Problem(code === closeCodes.notAuthorized ? 'PERMISSION_DENIED' : 'UNMET', {
    at: route.name,
    message: `${reason === '' ? 'the relay ended the connection' : reason} (${code})`,
    fix: fixes[code] ?? 'Try again.',
  });
