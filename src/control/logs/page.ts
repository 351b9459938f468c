import { Problem } from '#core/problem.ts';
import { hashOf } from '#lib/hash.ts';
import { formatFilter } from '#lib/logfilter/format.ts';
import type { Place } from './placed.ts';
import type { LogQuery } from './store.ts';

/** What a token belongs to: another query must not go on with it. */
const fingerprint = ({ projects, filter, order }: LogQuery): string =>
  hashOf([projects, formatFilter(filter), order]).slice(0, 16);

/** A page's end as an opaque text. */
export const pageToken = (query: LogQuery, { at, insertId, logName }: Place): string =>
  Buffer.from(JSON.stringify([fingerprint(query), String(at), insertId, logName])).toString('base64url');

/** Where the page before ended; throws INVALID_REQUEST when the token is not of this query. */
export function placeOfToken(query: LogQuery): Place | undefined {
  if (query.pageToken === undefined || query.pageToken === '') return undefined;
  const [print, at, insertId, logName] = decode(query.pageToken);
  if (print !== fingerprint(query) || !/^-?\d{1,19}$/.test(at ?? '')) {
    throw new Problem('INVALID_REQUEST', {
      at: 'pageToken',
      message: 'the page token does not belong to this query',
      fix: 'Ask again without a page token, then pass on nextPageToken with everything else unchanged.',
    });
  }
  return { at: BigInt(at ?? 0), insertId: insertId ?? '', logName: logName ?? '' };
}

function decode(token: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(value) && value.length === 4 && value.every((it) => typeof it === 'string') ? value : [];
  } catch {
    return [];
  }
}
