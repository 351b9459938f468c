import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { RateLimit } from '#access/limit.ts';
import { Hello, HOST_CONTRACT } from '#core/host.ts';
import { CONTRACT, ENROL, type EnrolAnswer, EnrolRequest, fingerprintOf } from '#core/joining.ts';
import { asProblem, Problem } from '#core/problem.ts';
import { askHello, remoteHost } from '../link/remote.ts';
import type { Remote } from './fleet.ts';
import type { DoorPlace, Members } from './members.ts';

/** That a machine came in or left, or that somebody wanted to and was refused. */
export interface MachineEvent {
  readonly deed: 'join' | 'leave';
  readonly machine: string;
  readonly address: string;
  /** Whether it is one of ours: it had the token, or had joined. */
  readonly isKnown: boolean;
  /** Why it was refused; absent: it was not. */
  readonly refused?: string;
}

export interface DoorParts {
  readonly members: Members;
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly certificate: string;
  /** Whether something of the site stands on a machine. */
  readonly isNeeded: (machine: string) => boolean;
  readonly now: () => number;
  readonly log: (text: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly tell: (event: MachineEvent) => void;
}

/** A machine's connection. */
interface Line {
  readonly session: ClientHttp2Session;
  readonly hello: Hello;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly address: string;
}

/** What is seen of a machine that has joined. */
export interface MachineSeen {
  readonly name: string;
  readonly joinTime: string;
  readonly connected: boolean;
  /** RFC 3339: since when it is connected, or is not; undefined: not since control started. */
  readonly since?: string;
  /** Where its connection comes from. */
  readonly address?: string;
  /** Of its program. */
  readonly version?: string;
  /** Why nothing is asked of it. */
  readonly trouble?: string;
}

/** Milliseconds: until a handshake or a message is there, between two signs of life, and until one counts as missing. */
const WAIT = { message: 10_000, beat: 4000, silence: 12_000 } as const;
const MESSAGE_LIMIT = 4096;

/**
 * Where other machines come in. TLS 1.3 with a certificate on either side, each known by its fingerprint; whoever has none
 * that has joined can say one thing only: that they have a token.
 */
export class Door {
  readonly #parts: DoorParts;
  readonly #lines = new Map<string, Line>();
  readonly #ended = new Map<string, number>();
  readonly #attempts = new RateLimit({ rate: 0.2, burst: 10 });
  #server: Server | undefined;
  #place: DoorPlace | undefined;

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  get fingerprint(): string {
    return fingerprintOf(this.#parts.certificate);
  }

  /** Opens it, or moves it. Port 0: any. Throws HOST_UNFIT. */
  async open(place: DoorPlace): Promise<DoorPlace> {
    if (this.#place?.address === place.address && this.#place.port === place.port) return place;
    const { key, certificate: cert } = this.#parts;
    const server = createServer({
      ...{ key, cert, minVersion: 'TLSv1.3', requestCert: true, ALPNProtocols: [ENROL, CONTRACT] },
      // Known by its fingerprint; no authority has signed it. That it has the key, the handshake proves.
      ...{ rejectUnauthorized: false, handshakeTimeout: WAIT.message },
    });
    server.maxConnections = 256;
    server.on('secureConnection', (socket) => this.#arrive(socket));
    server.on('tlsClientError', () => {});
    try {
      server.listen(place.port, place.address);
      await once(server, 'listening');
    } catch (cause) {
      throw new Problem('HOST_UNFIT', {
        at: `${place.address}:${place.port}`,
        message: `other machines cannot be listened to there: ${asProblem(cause).message}`,
        fix: 'Name an address of this machine and a port above 1023 that is free.',
        cause,
      });
    }
    this.#server?.close();
    this.#server = server;
    const { port } = server.address() as { port: number };
    this.#place = { address: place.address, port };
    return this.#place;
  }

  close(): void {
    this.#server?.close();
    for (const { session } of this.#lines.values()) session.destroy();
  }

  /** Ends the connection of a machine that does not belong here any more. */
  drop(name: string): void {
    this.#lines.get(name)?.session.destroy();
  }

  remotes(): readonly Remote[] {
    return this.#parts.members.list().map(({ name }) => {
      const trouble = this.#troubleOf(name);
      const link = remoteHost(name, () => this.#lines.get(name)?.session);
      return { name, link, ...(trouble === undefined ? {} : { trouble }) };
    });
  }

  seen(): readonly MachineSeen[] {
    return this.#parts.members.list().map(({ name, joinTime }) => {
      const line = this.#lines.get(name);
      const since = line?.since ?? this.#ended.get(name);
      const trouble = this.#troubleOf(name);
      return {
        ...{ name, joinTime, connected: line !== undefined },
        ...(since === undefined ? {} : { since: new Date(since).toISOString() }),
        ...(line === undefined ? {} : { address: line.address, version: line.hello.version }),
        ...(trouble === undefined ? {} : { trouble }),
      };
    });
  }

  #troubleOf(name: string): string | undefined {
    const line = this.#lines.get(name);
    const ended = this.#ended.get(name);
    if (line === undefined)
      return ended === undefined
        ? 'it has not connected since control started'
        : `it is not connected since ${new Date(ended).toISOString()}`;
    const { contract, version } = line.hello;
    if (contract === HOST_CONTRACT) return undefined;
    return `its program (${version}) speaks version ${contract} of the host contract, control speaks ${HOST_CONTRACT}: it goes on as it is until both have the same`;
  }

  #arrive(socket: TLSSocket): void {
    socket.on('error', () => socket.destroy());
    const theirs = socket.getPeerX509Certificate();
    if (theirs === undefined) {
      socket.destroy();
      return;
    }
    const fingerprint = fingerprintOf(theirs.raw);
    const work =
      socket.alpnProtocol === CONTRACT ? this.#connect(socket, fingerprint) : this.#hear(socket, fingerprint);
    work.catch((error: unknown) => {
      this.#parts.log('a machine could not come in', { address: socket.remoteAddress, reason: String(error) });
      socket.destroy();
    });
  }

  async #connect(socket: TLSSocket, fingerprint: string): Promise<void> {
    const { members, log, now } = this.#parts;
    const member = members.known(fingerprint);
    if (member === undefined) throw new RangeError('its certificate has not joined, or not any more');
    const { name } = member;
    const address = socket.remoteAddress ?? '';
    const session = connect('http://machine', { createConnection: () => socket });
    session.on('error', () => {});
    let heard = now();
    const beat = setInterval(() => {
      if (now() - heard > WAIT.silence) session.destroy();
      else if (!session.destroyed)
        session.ping((error) => {
          if (error === null) heard = now();
        });
    }, WAIT.beat);
    session.once('close', () => {
      clearInterval(beat);
      if (this.#lines.get(name)?.session !== session) return;
      this.#lines.delete(name);
      this.#ended.set(name, now());
      log('a machine is not connected any more', { machine: name });
    });
    const hello = Hello.parse(await askHello(session));
    // It may have been sent away meanwhile.
    if (members.known(fingerprint) === undefined) {
      session.destroy();
      return;
    }
    const before = this.#lines.get(name);
    this.#lines.set(name, { session, hello, address, since: now() });
    before?.session.destroy();
    log('a machine is connected', { machine: name, address, version: hello.version });
  }

  async #hear(socket: TLSSocket, fingerprint: string): Promise<void> {
    const address = socket.remoteAddress ?? '';
    const say = (answer: EnrolAnswer): void => {
      socket.end(`${JSON.stringify(answer)}\n`);
    };
    if (!this.#attempts.take(address, this.#parts.now())) {
      say({ type: 'refused', message: 'too many attempts from there', fix: 'Wait a minute.' });
      return;
    }
    const request = EnrolRequest.parse(JSON.parse(await lineOf(socket)));
    say(
      request.type === 'join'
        ? this.#join(request, fingerprint, address)
        : this.#leave(request.force, fingerprint, address),
    );
  }

  #join(
    { machine, proof }: Extract<EnrolRequest, { type: 'join' }>,
    fingerprint: string,
    address: string,
  ): EnrolAnswer {
    const box = this.#parts.members.admit({ machine, proof, fingerprint });
    const isKnown = box !== undefined;
    const message = 'the token does not count: it was used, is older than 15 minutes, or another one was made since';
    this.#parts.log(isKnown ? 'a machine has joined' : 'a machine was refused', { machine, address });
    this.#parts.tell({ ...{ deed: 'join', machine, address, isKnown }, ...(isKnown ? {} : { refused: message }) });
    if (box !== undefined) {
      this.drop(machine);
      return { type: 'joined', box };
    }
    return {
      ...{ type: 'refused', message },
      fix: `Make a new one where control stands: \`vauban machines token ${machine}\`.`,
    };
  }

  #leave(force: boolean, fingerprint: string, address: string): EnrolAnswer {
    const { members, isNeeded, log, tell } = this.#parts;
    const member = members.known(fingerprint);
    if (member === undefined) return { type: 'left' };
    const event = { deed: 'leave', machine: member.name, address, isKnown: true } as const;
    if (isNeeded(member.name) && !force) {
      const message = `something of the site stands on ${member.name}`;
      tell({ ...event, refused: message });
      return {
        ...{ type: 'refused', message },
        fix: 'Let it stand on another machine first, or leave with --force.',
      };
    }
    members.remove(member.name);
    this.drop(member.name);
    log('a machine has left', { machine: member.name, force });
    tell(event);
    return { type: 'left' };
  }
}

async function lineOf(socket: TLSSocket): Promise<string> {
  socket.setTimeout(WAIT.message, () => socket.destroy());
  socket.setEncoding('utf8');
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += chunk as string;
    if (text.includes('\n')) return text.slice(0, text.indexOf('\n'));
    if (text.length > MESSAGE_LIMIT) break;
  }
  throw new RangeError('it said nothing that could be understood');
}
