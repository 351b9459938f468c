import { encodeFrame, encodeJsonFrame, FrameReader } from '#lib/frames.ts';
import type { Client } from './client.ts';

export interface Output {
  readonly code: number;
  readonly stdout: string;
}

/** Bytes of output that are kept. */
const OUTPUT_LIMIT = 1024 * 1024;

/** Runs a command as root in an instance and gives what it printed; standard error is left out. */
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
  let [code, stdout] = [255, ''];
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      for (const { type, payload } of reader.push(chunk)) {
        if (type === 'output' && stdout.length < OUTPUT_LIMIT) stdout += payload.toString('utf8');
        if (type === 'exit') code = (JSON.parse(payload.toString()) as { code: number }).code;
      }
    });
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
  });
  return { code, stdout };
}
