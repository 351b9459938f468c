import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import { Change, Forced } from '#engines/gateway-service/status.ts';
import { jsonIn, replaceFile } from '#engines/kept-file.ts';

/** Changes of role that are remembered. */
const MOST = 100;

const Kept = z.strictObject({
  life: z.int().min(0).default(0),
  forced: Forced.default('automatic'),
  maintenance: z.boolean().default(false),
  changes: z.array(Change).max(MOST).default([]),
});
export type Kept = z.infer<typeof Kept>;

/** What a node keeps over restarts: what people said, and how its role has changed. A file that is damaged counts as none. */
export function readKept(path: string): Kept {
  return Kept.catch(Kept.parse({})).parse(jsonIn(path));
}

export const withChange = (kept: Kept, change: Change): Kept => ({
  ...kept,
  changes: [change, ...kept.changes].slice(0, MOST),
});

/** In a folder that is made where it is missing; other engines of the gateway read it. */
export function keepFile(path: string, content: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  replaceFile(path, content, 0o666);
}
