import { connect, createServer, type Socket } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';

/** TCP to a port of this machine that a test can cut. */
export interface BreakableLine {
  readonly port: number;
  /** Resets whatever stands; new connections are taken. */
  cut(): void;
  close(): void;
}

export async function breakableLine(to: number): Promise<BreakableLine> {
  const pairs = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const onward = connect(to, '127.0.0.1');
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      pairs.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        pairs.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const it of pairs) it.resetAndDestroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    cut,
    close: () => {
      cut();
      server.close();
    },
  };
}

/** The local end of a tunnel, which a test writes into and reads from. */
export interface LocalEnd {
  readonly duplex: Duplex;
  readonly input: PassThrough;
  /** What came so far, and how many bytes of it. */
  text(): Buffer;
  got(): number;
  onBytes(listener: (got: number) => void): void;
}

export function localEnd(): LocalEnd {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const chunks: Buffer[] = [];
  let got = 0;
  const listeners: ((got: number) => void)[] = [];
  output.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    got += chunk.length;
    for (const listener of listeners) listener(got);
  });
  return {
    duplex: Duplex.from({ readable: input, writable: output }),
    input,
    text: () => Buffer.concat(chunks),
    got: () => got,
    onBytes: (listener) => void listeners.push(listener),
  };
}
