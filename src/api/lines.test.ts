import { afterEach, beforeEach, expect, test } from 'vitest';
import { LINES } from '#plan/backup.ts';
import { labSite, startApi, type TestApi } from '../../test/api.ts';
import { LINES_LIMIT } from './lines.ts';
import { BODY_LIMIT } from './steps.ts';

let api: TestApi;
beforeEach(async () => {
  api = await startApi();
});
afterEach(async () => {
  await api.close();
});

const line = (name: string, padding = 0): string =>
  `${JSON.stringify({ resource: { project: 'big', kind: 'address', name, spec: {} } })}${' '.repeat(padding)}\n`;

/** Sends pieces as somebody asks for them, and says how many were taken. */
async function restore(pieces: Iterable<string>, type = LINES) {
  const [encoder, all] = [new TextEncoder(), pieces[Symbol.iterator]()];
  let taken = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(to) {
        const { value, done } = all.next();
        if (done === true) return to.close();
        taken++;
        to.enqueue(encoder.encode(value));
      },
    },
    { highWaterMark: 0 },
  );
  const init = {
    method: 'POST',
    headers: { authorization: `Bearer ${api.tokens.admin}`, 'content-type': type },
    body,
    duplex: 'half',
  };
  const response = await api.app.request('/v1/restore?dryRun=true', init as RequestInit);
  return { status: response.status, body: (await response.json()) as Record<string, unknown>, taken };
}

const repeated = function* (piece: string, times: number): Generator<string> {
  for (let time = 0; time < times; time++) yield piece;
};

test('a configuration of more than 16 MiB comes line by line, wherever it is cut', async () => {
  const text = Array.from({ length: 18 }, (_, index) => line(`a${index}`, 1024 * 1024)).join('');
  expect(text.length).toBeGreaterThan(BODY_LIMIT);
  const pieces = Array.from({ length: Math.ceil(text.length / 65_521) }, (_, at) =>
    text.slice(65_521 * at, 65_521 * (at + 1)),
  );
  const { status, body } = await restore(pieces);
  expect(status).toBe(200);
  expect((body['resources'] as { name: string }[]).map((it) => it.name)).toHaveLength(18);
});

test('what a backup says in lines is what a restore takes, and changes nothing', async () => {
  await api.apply(labSite);
  const headers = { authorization: `Bearer ${api.tokens.admin}`, accept: LINES };
  const response = await api.app.request('/v1/backup', { headers });
  const [first = '', ...rest] = (await response.text()).trimEnd().split('\n');
  expect(JSON.parse(first)).toEqual({ revision: 1 });
  expect(rest.length).toBeGreaterThan(5);
  const { status, body } = await restore(rest.map((it) => `${it}\n`));
  expect([status, body['resources'], body['artifacts']]).toEqual([200, [], []]);
});

test('a mistake is placed by its line', async () => {
  const { status, body } = await restore([line('a'), '\n', '{"resource": {"project": 5}}\n']);
  expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining('line 3')]);
  expect(JSON.stringify((await restore([line('a'), '{"resource"\n'])).body)).toContain('line 2');
});

test('a line without an end is refused as soon as it is too long, a configuration as soon as it is', async () => {
  const mebibyte = ' '.repeat(1024 * 1024);
  const long = await restore(repeated(mebibyte, 300));
  expect([long.status, long.taken]).toEqual([413, 17]);
  const large = await restore(repeated(`${mebibyte}\n`, 300));
  expect([large.status, large.taken]).toEqual([413, Math.ceil(LINES_LIMIT / (mebibyte.length + 1))]);
});

test('whoever may not restore is refused before a line is read; as one document it is no larger than before', async () => {
  const init = { method: 'POST', headers: { authorization: `Bearer ${api.tokens.operator}`, 'content-type': LINES } };
  expect((await api.app.request('/v1/restore', { ...init, body: line('a') })).status).toBe(403);
  expect((await restore(repeated(' '.repeat(1024 * 1024), 20), 'application/json')).status).toBe(413);
});
