import type { Context } from 'hono';
import type * as z from 'zod';
import { Problem } from '#core/problem.ts';
import { parseBy } from '#plan/issues.ts';
import { dotted } from '#plan/site.ts';
import type { Env } from './context.ts';

const DEPTH = 64;

/** Counted in the text: what walks the parsed value may recurse. */
function isTooDeep(text: string): boolean {
  let level = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at++;
    } else if (character === '[' || character === '{') level += 1;
    else if (character === ']' || character === '}') level -= 1;
    if (level > DEPTH) return true;
  }
  return false;
}

/** The body as JSON. */
export async function bodyOf(context: Context<Env>): Promise<unknown> {
  const text = await context.req.text();
  if (isTooDeep(text)) {
    throw new Problem('INVALID_REQUEST', {
      at: 'body',
      message: `nested deeper than ${DEPTH} levels`,
      fix: 'Nothing here has so many; look for brackets that are too many.',
    });
  }
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Problem('INVALID_REQUEST', {
      at: 'body',
      message: `not JSON: ${error instanceof Error ? error.message : ''}`,
      fix: 'Send a JSON document.',
      cause: error,
    });
  }
}

/** A body or a query by its schema; every mistake is named. */
export function parsedBy<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = parseBy(schema, value);
  if (result.ok) return result.value;
  throw Problem.all(
    result.mistakes.map((it) => ({
      code: 'INVALID_REQUEST',
      at: dotted(it.path) || 'request',
      message: it.message,
      fix: it.fix,
    })),
  );
}
