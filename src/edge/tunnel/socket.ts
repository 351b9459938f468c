import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { closeCodes, reasonText } from './closing.ts';
import type { Wire } from './session.ts';

/** A WebSocket as the relay uses it: whole binary messages in both directions. */
export interface RelaySocket extends Wire {
  close(code: number, reason: string): void;
  /** Ends it without a word, as a broken line would. */
  cut(): void;
}

export interface SocketEvents {
  readonly onMessage: (message: Buffer) => void;
  /** It is over. `lost`: without a closing word, so that the other side may come back. */
  readonly onClose: (end: { readonly lost: boolean; readonly code: number; readonly reason: string }) => void;
}

/** What ws reports when there was no close frame. */
const ABNORMAL = 1006;
/** Milliseconds for the other side to answer a close frame. */
const FAREWELL = 10_000;

/** Wraps an open WebSocket. Nothing is told after its end. */
export function relaySocket(socket: WebSocket, events: SocketEvents): RelaySocket {
  // Not in the library's types; without it frames go out one by one, and nothing else changes.
  const line = (): Duplex | undefined => (socket as { readonly _socket?: Duplex })._socket;
  let farewell: NodeJS.Timeout | undefined;
  socket.binaryType = 'nodebuffer';
  socket.on('message', (message: RawData, isBinary) => {
    if (!isBinary) {
      close(closeCodes.invalidOpcode, 'only binary messages are understood');
      return;
    }
    events.onMessage(message as Buffer);
  });
  // A broken frame, or a line that broke: the close event follows.
  socket.on('error', () => {});
  socket.on('close', (code, reason) => {
    clearTimeout(farewell);
    events.onClose({ lost: code === ABNORMAL, code, reason: reason.toString('utf8') });
  });
  const close = (code: number, reason: string): void => {
    // Whoever is held back would not hear the answer.
    socket.resume();
    socket.close(code, reasonText(reason));
    farewell ??= setTimeout(() => socket.terminate(), FAREWELL);
  };
  return {
    batch: (send) => {
      const held = line();
      held?.cork();
      try {
        send();
      } finally {
        held?.uncork();
      }
    },
    send: (message) => {
      if (socket.readyState === socket.OPEN) socket.send(message);
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close,
    cut: () => socket.terminate(),
  };
}
