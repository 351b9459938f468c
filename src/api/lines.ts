import type { Context } from 'hono';
import { Problem } from '#core/problem.ts';
import { type Configuration, ConfigurationLine, LINES } from '#plan/backup.ts';
import { jsonOf, parsedBy } from './body.ts';
import type { Env } from './context.ts';
import { BODY_LIMIT } from './steps.ts';

/** Bytes of a configuration that comes line by line. */
export const LINES_LIMIT = 256 * 1024 * 1024;

const isLines = (context: Context<Env>): boolean =>
  (context.req.header('content-type') ?? '').split(';')[0]?.trim() === LINES;

/** Whether a request may be larger than others: its handler reads it line by line, and counts itself. */
export const comesInLines = (context: Context<Env>): boolean =>
  context.req.method === 'POST' && context.req.path === '/v1/restore' && isLines(context);

/**
 * A configuration that comes line by line: each is read and checked by itself, so that beside what it says no more than one
 * of them is in memory. Undefined: it comes as one document.
 */
export async function configurationIn(context: Context<Env>): Promise<Configuration | undefined> {
  if (!isLines(context)) return undefined;
  const found: { resources: Configuration['resources']; choices: Configuration['choices'] } = {
    resources: [],
    choices: [],
  };
  let number = 0;
  for await (const text of linesIn(context.req.raw.body ?? new ReadableStream())) {
    number++;
    if (text.trim() === '') continue;
    const line = parsedBy(ConfigurationLine, jsonOf(text, `line ${number}`), `line ${number}`);
    if (line.resource !== undefined) found.resources.push(line.resource);
    if (line.choice !== undefined) found.choices.push(line.choice);
  }
  return found;
}

async function* linesIn(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let [text, size] = ['', 0];
  for await (const chunk of body) {
    size += chunk.length;
    if (size > LINES_LIMIT) throw tooLarge('body', LINES_LIMIT);
    const lines = (text + decoder.decode(chunk, { stream: true })).split('\n');
    text = lines.pop() ?? '';
    if (text.length > BODY_LIMIT) throw tooLarge('a line', BODY_LIMIT);
    yield* lines;
  }
  yield text + decoder.decode();
}

const tooLarge = (at: string, limit: number): Problem =>
  new Problem('BODY_TOO_LARGE', { at, message: `larger than ${limit} bytes`, fix: 'Nothing was changed.' });
