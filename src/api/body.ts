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
  return text.trim() === '' ? {} : jsonOf(text, 'body');
}

/** `at`: what to call it when it is wrong. */
export function jsonOf(text: string, at: string): unknown {
  if (isTooDeep(text)) {
    throw new Problem('INVALID_REQUEST', {
      at,
      message: `nested deeper than ${DEPTH} levels`,
      fix: 'Nothing here has so many; look for brackets that are too many.',
    });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Problem('INVALID_REQUEST', {
      at,
      message: `not JSON: ${error instanceof Error ? error.message : ''}`,
      fix: 'Send a JSON document.',
      cause: error,
    });
  }
}

/** A body, a query or a part of one by its schema; every mistake is named. `within`: what to call the part. */
export function parsedBy<T>(schema: z.ZodType<T>, value: unknown, within?: string): T {
  const result = parseBy(schema, value);
  if (result.ok) return result.value;
  throw Problem.all(
    result.mistakes.map((it) => ({
      code: 'INVALID_REQUEST',
      at: [within ?? [], dotted(it.path) || (within === undefined ? 'request' : [])].flat().join(' '),
      message: it.message,
      fix: it.fix,
    })),
  );
}
