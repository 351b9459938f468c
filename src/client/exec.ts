import { encodeFrame, encodeJsonFrame, FrameReader } from '#lib/frames.ts';
import type { Client } from './client.ts';

export interface Output {
  /** 255: it could not be run, or the line was lost. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Bytes of each stream that are kept. */
const OUTPUT_LIMIT = 1024 * 1024;

/** Runs a command as root in an instance and gives what it printed. */
export async function execIn(
  client: Client,
  at: { readonly project: string; readonly instance: string },
  argv: readonly string[],
): Promise<Output> {
  const socket = await client.session(
    `/v1/projects/${at.project}/instances/${encodeURIComponent(at.instance)}/session`,
  );
  socket.write(encodeJsonFrame('input', { artifact: 'instance', argv, user: 'root' }));
  socket.write(encodeFrame('end'));
  const reader = new FrameReader();
  const [stdout, stderr] = [new Kept(), new Kept()];
  let code = 255;
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      for (const { type, payload } of reader.push(chunk)) {
        if (type === 'output') stdout.add(payload);
        if (type === 'error') stderr.add(payload);
        if (type === 'exit') {
          const end = JSON.parse(payload.toString()) as { code: number; message?: string };
          code = end.code;
          if (end.message !== undefined) stderr.add(Buffer.from(`${end.message}\n`));
        }
      }
    });
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** The beginning of a stream. */
class Kept {
  readonly #parts: Buffer[] = [];
  #length = 0;

  add(part: Buffer): void {
    if (this.#length >= OUTPUT_LIMIT) return;
    this.#parts.push(part);
    this.#length += part.length;
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString('utf8');
  }
}
