import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { snapshotOf } from '#core/snapshot.ts';
import { consoleFiles } from '#engines/sandbox/input.ts';
import { placesIn } from './places.ts';
import { serialBytes, serialLogs, serialText } from './serial.ts';

let state: string;
const resource = { project: 'lab', kind: 'instance', name: 'server' };

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'vauban-serial-'));
});

afterEach(() => rmSync(state, { recursive: true, force: true }));

const deployment = () => ({ id: 'abcd', run: join(state, 'run'), hostState: state });

/** Writes console files: the current one, and older ones by their hour. */
function consoleOf(current: string, ...older: readonly string[]): void {
  const places = { deployment: 'abcd', run: join(state, 'run'), state };
  const files = consoleFiles(places, 'lab/instance/server');
  mkdirSync(files.folder, { recursive: true });
  writeFileSync(files.current, current);
  for (const [index, text] of older.entries()) {
    writeFileSync(`${files.folder}/@40000000${String(index).padStart(16, '0')}.s`, text);
  }
  writeFileSync(`${files.folder}/state`, 'of the logger\n');
}

const text = (lines: number): Promise<string> => serialText(deployment(), resource, lines);

test('the last lines of a console come out of the present file and those before it', async () => {
  consoleOf('five\nsix\n', 'one\ntwo\n', 'three\nfour\n');
  expect(await text(1000)).toBe('one\ntwo\nthree\nfour\nfive\nsix\n');
  expect(await text(3)).toBe('four\nfive\nsix\n');
  expect(await text(2)).toBe('five\nsix\n');
});

test('a line that is not finished yet is shown, and a host that never ran says nothing', async () => {
  expect(await text(10)).toBe('');
  consoleOf('one\nlogin: ');
  expect(await text(10)).toBe('one\nlogin: \n');
});

test('a huge console is cut at a line', async () => {
  consoleOf(`${'x'.repeat(999)}\n`.repeat(2000));
  const found = await text(100_000);
  expect(found.length).toBeLessThanOrEqual(serialBytes);
  expect(new Set(found.split('\n').map((it) => it.length))).toEqual(new Set([999, 0]));
});

test('equal lines of one moment are kept apart and in order', () => {
  const server = {
    ...resource,
    spec: { zone: 'us-east1-b' },
    assigned: { id: '42', interfaces: [], externalAddresses: [] },
  };
  const surroundings = { deployment: deployment(), places: () => placesIn([]), now: () => new Date(1) };
  const [log] = serialLogs(snapshotOf([server]), surroundings);
  const entries = ['ok\r', 'ok', 'ok'].map((line, index) => log?.entryOf(line, index));
  expect(entries).toMatchObject([
    { timestamp: '1970-01-01T00:00:00.001Z', textPayload: 'ok', resource: { labels: { instance_id: '42' } } },
    { timestamp: '1970-01-01T00:00:00.001001Z', textPayload: 'ok' },
    { timestamp: '1970-01-01T00:00:00.001002Z', textPayload: 'ok' },
  ]);
  expect(new Set(entries.map((it) => it && 'insertId' in it && it.insertId)).size).toBe(3);
});
