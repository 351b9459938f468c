import { createServer } from 'node:http2';
import { connect, type TLSSocket } from 'node:tls';
import { CONTRACT, fingerprintOf, type Membership } from '#core/joining.ts';
import type { Answerer } from './server.ts';

/** Milliseconds. */
const WAIT = { first: 250, most: 5000, handshake: 10_000 } as const;
/** Milliseconds without a word from control, which asks every second or two, until the line counts as dead. */
const SILENCE = 15_000;

export interface Dialling {
  readonly membership: Membership;
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly certificate: string;
  readonly answer: Answerer;
  /** Told with each question (undefined: the line is there), and why the line is not there. */
  readonly onLine: (trouble: string | undefined) => void;
}

/** Dials control, answers it there, and dials again when the line ends. Gives how to stop. */
export function dial(parts: Dialling): () => void {
  const server = createServer((request, response) => {
    // Whoever is not known there gets a line, too, but no question.
    parts.onLine(undefined);
    wait = WAIT.first;
    parts.answer(request, response);
  });
  server.on('session', (session) => session.setTimeout(SILENCE, () => session.destroy()));
  let wait: number = WAIT.first;
  let timer: NodeJS.Timeout | undefined;
  let line: TLSSocket | undefined;
  let stopped = false;
  const again = (trouble: string): void => {
    if (stopped) return;
    parts.onLine(trouble);
    timer = setTimeout(open, wait);
    wait = Math.min(WAIT.most, wait * 2);
  };
  const open = (): void => {
    const { address, port, fingerprint } = parts.membership.door;
    const { key, certificate: cert } = parts;
    let trouble = 'the line ended';
    const socket = connect({
      ...{ host: address, port, key, cert, minVersion: 'TLSv1.3', ALPNProtocols: [CONTRACT] },
      // Known by its fingerprint, see below; no authority has signed it.
      rejectUnauthorized: false,
    });
    line = socket;
    socket.setTimeout(WAIT.handshake, () => socket.destroy(new Error('no answer')));
    socket.on('error', (error) => {
      trouble = error.message;
    });
    socket.once('close', () => again(trouble));
    socket.once('secureConnect', () => {
      const theirs = socket.getPeerX509Certificate();
      if (theirs === undefined || fingerprintOf(theirs.raw) !== fingerprint) {
        socket.destroy(new Error('somebody else answers there: it is not the certificate that the token named'));
        return;
      }
      socket.setTimeout(0);
      server.emit('connection', socket);
    });
  };
  open();
  return () => {
    stopped = true;
    clearTimeout(timer);
    line?.destroy();
  };
}
