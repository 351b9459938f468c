import { createServer, type Server, type Socket } from 'node:net';
import { FrameFault } from './bytes.ts';
import {
  type Frame,
  FrameCutter,
  frameTypes,
  type Message,
  readFrame,
  readMessages,
  readValues,
  type SetVariable,
  type Values,
  writeActions,
  writeFrame,
  writeValues,
} from './frame.ts';

/** HAProxy's buffers have 16 KB, of which four bytes are a frame's length. */
const LARGEST = 16_380;
const VERSION = '2.0';

export interface AgentParts {
  /** Answers a message. When it rejects, HAProxy gets no variable, and without one it lets nothing pass. */
  readonly answer: (message: Message) => Promise<readonly SetVariable[]>;
  /** A process of HAProxy that was not known before has said hello. */
  readonly onEngine: (id: string) => void;
  readonly onFault: (message: string) => void;
}

/** The agent's side of the protocol: one connection carries many questions at once, answered in any order. */
export function spoeAgent(parts: AgentParts): Server {
  const engines = new Set<string>();
  return createServer((socket) => {
    const connection = new Connection(socket, parts, (id) => {
      if (engines.has(id)) return;
      engines.add(id);
      parts.onEngine(id);
    });
    socket.on('data', (bytes: Buffer) => connection.receive(bytes));
    // HAProxy closes idle connections; whatever was asked on it is asked again elsewhere.
    socket.on('error', () => socket.destroy());
  });
}

class Connection {
  readonly #socket: Socket;
  readonly #parts: AgentParts;
  readonly #onEngine: (id: string) => void;
  readonly #cutter: FrameCutter;
  #largest = LARGEST;
  #greeted = false;

  constructor(socket: Socket, parts: AgentParts, onEngine: (id: string) => void) {
    this.#socket = socket;
    this.#parts = parts;
    this.#onEngine = onEngine;
    this.#cutter = new FrameCutter(() => this.#largest);
  }

  receive(bytes: Buffer): void {
    try {
      for (const frame of this.#cutter.push(bytes)) this.#take(readFrame(frame));
    } catch (error) {
      const fault = error instanceof FrameFault ? error : new FrameFault('invalid', String(error));
      this.#parts.onFault(fault.message);
      this.#disconnect(fault.code, fault.message);
    }
  }

  #take(frame: Frame): void {
    if (frame.type === frameTypes.disconnect) this.#disconnect(0, 'normal');
    else if (!this.#greeted) this.#greet(frame);
    // Unknown frames may be skipped (part 3.2.2).
    else if (frame.type === frameTypes.notify) this.#answer(frame);
  }

  #greet(frame: Frame): void {
    if (frame.type !== frameTypes.hello) throw new FrameFault('invalid', 'the first frame is no hello');
    const hello = readValues(frame.payload);
    this.#largest = Math.min(LARGEST, frameSizeOf(hello));
    this.#greeted = true;
    this.#send(frameTypes.agentHello, {
      version: VERSION,
      'max-frame-size': this.#largest,
      capabilities: 'pipelining',
    });
    if (hello['healthcheck'] === true) {
      this.#socket.end();
      return;
    }
    if (typeof hello['engine-id'] === 'string') this.#onEngine(hello['engine-id']);
  }

  #answer({ stream, frame, payload }: Frame): void {
    const messages = readMessages(payload);
    Promise.all(messages.map((it) => this.#parts.answer(it)))
      .then((lists) => this.#acknowledge(stream, frame, lists.flat()))
      .catch((error: unknown) => {
        this.#parts.onFault(error instanceof Error ? (error.stack ?? error.message) : String(error));
        this.#acknowledge(stream, frame, []);
      });
  }

  #acknowledge(stream: number, frame: number, actions: readonly SetVariable[]): void {
    if (this.#socket.destroyed) return;
    const bytes = writeFrame({ type: frameTypes.ack, stream, frame, payload: writeActions(actions) });
    if (bytes.length - 4 <= this.#largest) {
      this.#socket.write(bytes);
      return;
    }
    this.#parts.onFault(`an answer of ${bytes.length} bytes does not fit into a frame`);
    this.#socket.write(writeFrame({ type: frameTypes.ack, stream, frame, payload: Buffer.alloc(0) }));
  }

  #send(type: number, values: Values): void {
    this.#socket.write(writeFrame({ type, stream: 0, frame: 0, payload: writeValues(values) }));
  }

  #disconnect(code: number, message: string): void {
    if (this.#socket.destroyed) return;
    this.#send(frameTypes.agentDisconnect, { 'status-code': code, message });
    this.#socket.end();
  }
}

function frameSizeOf(hello: Values): number {
  const versions = hello['supported-versions'];
  if (typeof versions !== 'string') throw new FrameFault('noVersion', 'no version was offered');
  if (!versions.split(',').some((it) => it.trim().startsWith('2.'))) {
    throw new FrameFault('unsupportedVersion', `only version ${VERSION} is spoken here, not ${versions}`);
  }
  if (typeof hello['capabilities'] !== 'string') throw new FrameFault('noCapabilities', 'no capabilities were named');
  const size = hello['max-frame-size'];
  if (typeof size !== 'number') throw new FrameFault('noFrameSize', 'no frame size was named');
  if (size < 256) throw new FrameFault('badFrameSize', `frames of ${size} bytes are too small`);
  return size;
}
