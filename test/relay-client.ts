import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A client of the relay written from the description of the cloud's own command line, and as unforgiving: it parses
 * WebSocket frames by hand and ends the tunnel at a PING, a text message, a fragment, a masked frame, an extension, a
 * second greeting, or a confirmation that cannot be. It reconnects only when the line is cut or closed with 4004.
 */
export interface StrictOptions {
  /** Opens the line anew each time: TCP, TLS, a unix socket. */
  readonly dial: () => Socket | Promise<Socket>;
  readonly host: string;
  /** Query of /v4/connect, without the `?`. */
  readonly query: string;
  readonly token?: string;
  readonly reconnects?: number;
  /** Where it connects and reconnects, when that is not /v4/. */
  readonly connect?: string;
  readonly reconnect?: string;
}

interface Ended {
  readonly code: number;
  readonly reason: string;
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const ACK_EVERY = 32_768;
const PIECE = 16_384;

/** What a handshake was refused with. */
export class Refused extends Error {
  readonly status: number;
  readonly phrase: string;
  readonly body: string;

  constructor(status: number, phrase: string, body: string) {
    super(`Handshake status ${status} ${phrase}`);
    this.status = status;
    this.phrase = phrase;
    this.body = body;
  }
}

export class StrictClient {
  readonly #options: StrictOptions;
  #socket: Socket | undefined;
  #input = Buffer.alloc(0);
  #sid: string | undefined;
  #greeted = false;
  #received = 0;
  #acknowledged = 0;
  #sent = 0;
  #confirmed = 0;
  #unconfirmed: Buffer[] = [];
  #closing = false;
  #reconnects = 0;
  readonly #chunks: Buffer[] = [];
  readonly #wakers: (() => void)[] = [];
  #ended: Ended | Error | undefined;

  constructor(options: StrictOptions) {
    this.#options = options;
  }

  get reconnects(): number {
    return this.#reconnects;
  }

  get sid(): string {
    return this.#sid ?? '';
  }

  get received(): number {
    return this.#received;
  }

  get ended(): Ended | Error | undefined {
    return this.#ended;
  }

  async open(): Promise<this> {
    await this.#dial(`${this.#options.connect ?? '/v4/connect'}?${this.#options.query}`, false);
    await this.#until(() => this.#greeted);
    return this;
  }

  /** Cuts the line, as a network would. */
  cut(): void {
    this.#socket?.destroy();
  }

  async send(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE) {
      const piece = bytes.subarray(at, at + PIECE);
      // Google's client blocks when a few messages wait while it is disconnected.
      await this.#until(() => this.#greeted);
      const head = Buffer.alloc(6);
      head.writeUInt16BE(4, 0);
      head.writeUInt32BE(piece.length, 2);
      const message = Buffer.concat([head, piece]);
      this.#unconfirmed.push(message);
      this.#sent += piece.length;
      await this.#put(2, message);
    }
  }

  /** Everything that has come, once it is so many bytes or the tunnel has ended. */
  async receive(count: number): Promise<Buffer> {
    await this.#until(() => this.#received >= count);
    return Buffer.concat(this.#chunks);
  }

  /** Waits for the relay to end the tunnel. */
  async end(): Promise<Ended> {
    await this.#until(() => this.#ended !== undefined).catch(() => {});
    if (this.#ended === undefined || this.#ended instanceof Error) throw this.#ended ?? new Error('no end');
    return this.#ended;
  }

  /** Waits until everything is confirmed, at most ten seconds, and closes with 1000. */
  async close(): Promise<void> {
    const until = Date.now() + 10_000;
    while (this.#confirmed < this.#sent && Date.now() < until && this.#ended === undefined) await sleep(20);
    this.#closing = true;
    const code = Buffer.alloc(2);
    code.writeUInt16BE(1000, 0);
    await this.#put(8, code);
  }

  /** Sends a raw WebSocket message, for what no client should send. */
  raw(opcode: number, payload: Buffer): Promise<void> {
    return this.#put(opcode, payload);
  }

  async #dial(path: string, again: boolean): Promise<void> {
    const { host, token } = this.#options;
    const socket = await this.#options.dial();
    const key = randomBytes(16).toString('base64');
    socket.setMaxListeners(0);
    this.#socket = socket;
    this.#input = Buffer.alloc(0);
    this.#greeted = false;
    const lines = [
      `GET ${path} HTTP/1.1`,
      'Upgrade: websocket',
      `Host: ${host}`,
      'Origin: bot:iap-tunneler',
      `Sec-WebSocket-Key: ${key}`,
      'Sec-WebSocket-Version: 13',
      'Connection: Upgrade',
      'Sec-WebSocket-Protocol: relay.tunnel.cloudproxy.app',
      ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
      'User-Agent: google-cloud-sdk gcloud/528.0.0',
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    let answered = false;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      if (socket !== this.#socket) return;
      this.#input = Buffer.concat([this.#input, chunk]);
      try {
        if (!answered) answered = this.#handshake(key);
        if (answered) this.#frames(again);
      } catch (error) {
        this.#fail(error as Error);
      }
    });
    socket.on('close', () => {
      if (socket !== this.#socket || this.#ended !== undefined) return;
      if (this.#closing) this.#fail({ code: 1000, reason: '' });
      else if (this.#sid === undefined) {
        try {
          this.#refusal();
          this.#fail(new Error('the line was cut before the relay greeted'));
        } catch (error) {
          this.#fail(error as Error);
        }
      } else void this.#comeBack();
    });
  }

  async #comeBack(): Promise<void> {
    const { reconnects = 20 } = this.#options;
    const wanted = this.#options.query;
    if (this.#reconnects >= reconnects) return this.#fail(new Error('reconnected too often'));
    this.#reconnects += 1;
    this.#greeted = false;
    await sleep(100);
    const zone = new URLSearchParams(wanted).get('zone') ?? '';
    const path = this.#options.reconnect ?? '/v4/reconnect';
    const query = `sid=${this.#sid}&ack=${this.#received}&newWebsocket=True&zone=${zone}`;
    // While nobody listens it tries again, as after every cut.
    await this.#dial(`${path}?${query}`, true).catch(() => this.#comeBack());
  }

  /** True once the answer is whole; throws when it is not what it must be. */
  #handshake(key: string): boolean {
    const end = this.#input.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const [first = '', ...headers] = this.#input.subarray(0, end).toString('latin1').split('\r\n');
    if (!first.startsWith('HTTP/1.1 101')) {
      this.#refusal();
      return false;
    }
    const header = (name: string): string | undefined =>
      headers
        .find((it) => it.toLowerCase().startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim();
    const accept = createHash('sha1')
      .update(key + GUID)
      .digest('base64');
    if (header('sec-websocket-accept') !== accept) throw new Error('wrong Sec-WebSocket-Accept');
    if (header('sec-websocket-protocol') !== 'relay.tunnel.cloudproxy.app') throw new Error('no subprotocol');
    if (header('sec-websocket-extensions') !== undefined) throw new Error('an extension that nobody asked for');
    this.#input = this.#input.subarray(end + 4);
    return true;
  }

  #refusal(): void {
    const text = this.#input.toString('utf8');
    const [, status, phrase] = /^HTTP\/1.1 (\d{3}) ?(.*)\r\n/.exec(text) ?? [];
    if (status === undefined) return;
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
    const body = text.slice(text.indexOf('\r\n\r\n') + 4);
    if (Buffer.byteLength(body) >= length) throw new Refused(Number(status), phrase ?? '', body.trim());
  }

  #frames(again: boolean): void {
    for (;;) {
      if (this.#input.length < 2) return;
      const [a = 0, b = 0] = this.#input;
      if ((b & 0x80) !== 0) throw new Error('a masked frame from a server');
      if ((a & 0x70) !== 0) throw new Error('reserved bits');
      let [length, head] = [b & 0x7f, 2];
      if (length === 126) {
        if (this.#input.length < 4) return;
        [length, head] = [this.#input.readUInt16BE(2), 4];
      } else if (length === 127) {
        if (this.#input.length < 10) return;
        [length, head] = [Number(this.#input.readBigUInt64BE(2)), 10];
      }
      if (this.#input.length < head + length) return;
      const payload = Buffer.from(this.#input.subarray(head, head + length));
      this.#input = this.#input.subarray(head + length);
      const opcode = a & 0x0f;
      if (opcode === 8) {
        this.#closed(payload);
        return;
      }
      if (opcode !== 2) throw new Error(`opcode ${opcode} ends the tunnel`);
      if ((a & 0x80) === 0) throw new Error('a fragment');
      this.#message(payload, again);
    }
  }

  #closed(payload: Buffer): void {
    const end = { code: payload.length < 2 ? 1005 : payload.readUInt16BE(0), reason: payload.subarray(2).toString() };
    void this.#put(8, payload.subarray(0, 2));
    if (end.code === 4004) this.#socket?.destroy();
    else this.#fail(end);
  }

  #message(message: Buffer, again: boolean): void {
    const tag = message.readUInt16BE(0);
    if (tag === 1 || tag === 2) {
      if (this.#greeted || (tag === 2) !== again) throw new Error(`a greeting ${tag} that does not belong here`);
      this.#greeted = true;
      if (tag === 1) this.#sid = message.subarray(6, 6 + message.readUInt32BE(2)).toString();
      else {
        this.#takeAck(Number(message.readBigUInt64BE(2)));
        for (const it of this.#unconfirmed) void this.#put(2, it);
      }
    } else if (tag === 4) {
      const length = message.readUInt32BE(2);
      if (!this.#greeted) throw new Error('data before the greeting');
      if (length > PIECE || message.length < 6 + length) throw new Error(`a DATA frame of ${length} bytes`);
      this.#chunks.push(message.subarray(6, 6 + length));
      this.#received += length;
      if (this.#received - this.#acknowledged > ACK_EVERY) this.#sendAck();
    } else if (tag === 7) {
      if (!this.#greeted) throw new Error('a confirmation before the greeting');
      this.#takeAck(Number(message.readBigUInt64BE(2)));
    }
    this.#wake();
  }

  #sendAck(): void {
    this.#acknowledged = this.#received;
    const frame = Buffer.alloc(10);
    frame.writeUInt16BE(7, 0);
    frame.writeBigUInt64BE(BigInt(this.#received), 2);
    void this.#put(2, frame);
  }

  #takeAck(count: number): void {
    if (count < this.#confirmed || count > this.#sent) throw new Error(`${count} bytes confirmed of ${this.#sent}`);
    while (this.#unconfirmed.length > 0) {
      const first = this.#unconfirmed[0] as Buffer;
      const left = count - this.#confirmed;
      if (left <= 0) return;
      if (first.length - 6 > left) {
        const rest = first.subarray(6 + left);
        const head = Buffer.alloc(6);
        head.writeUInt16BE(4, 0);
        head.writeUInt32BE(rest.length, 2);
        this.#unconfirmed[0] = Buffer.concat([head, rest]);
        this.#confirmed = count;
        return;
      }
      this.#confirmed += first.length - 6;
      this.#unconfirmed.shift();
    }
  }

  /** One masked, unfragmented WebSocket message. */
  async #put(opcode: number, payload: Buffer): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed || !socket.writable) return;
    const mask = randomBytes(4);
    const long = payload.length > 125;
    const head = Buffer.alloc(long ? 4 : 2);
    head[0] = 0x80 | opcode;
    head[1] = 0x80 | (long ? 126 : payload.length);
    if (long) head.writeUInt16BE(payload.length, 2);
    const masked = Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] as number)));
    if (socket.write(Buffer.concat([head, mask, masked]))) return;
    await new Promise<void>((resolve) => {
      socket.once('drain', resolve);
      socket.once('close', resolve);
    });
  }

  #fail(end: Ended | Error): void {
    this.#ended ??= end;
    this.#socket?.end();
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake();
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      const end = this.#ended;
      if (end instanceof Error) throw end;
      if (end !== undefined) throw new Error(`the relay ended the tunnel: ${end.code} ${end.reason}`);
      await new Promise<void>((resolve) => this.#wakers.push(resolve));
    }
  }
}

/** Over TCP. */
export const dialTcp =
  (port: number, host = '127.0.0.1') =>
  (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host });
      socket.once('connect', () => resolve(socket));
      socket.once('error', reject);
    });
