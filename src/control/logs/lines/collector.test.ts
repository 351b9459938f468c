import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { filterOf } from '../query.ts';
import { openLogStore } from '../sqlite.ts';
import type { LogStore } from '../store.ts';
import { type LineLog, LogCollector } from './collector.ts';

let folder: string;
let store: LogStore;
let collectors: LogCollector[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vauban-collector-'));
  store = openLogStore({ path: join(folder, 'logs.db') });
  collectors = [];
});

afterEach(async () => {
  for (const it of collectors) await it.stop();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

function collector(into = store): LogCollector {
  const made = new LogCollector({ store: into, now: Date.now });
  collectors.push(made);
  return made;
}

const at = (number: number): string => new Date(number * 1000).toISOString();

const log = (name = 'lines/a', file = 'a.log'): LineLog => ({
  name,
  file: join(folder, file),
  lineLimit: 1024,
  entryOf: (line, number) =>
    line.startsWith('?')
      ? { malformed: 'a question' }
      : {
          insertId: `line-${number}`,
          logName: 'projects/lab/logs/lines',
          resource: { type: 'global', labels: {} },
          timestamp: line.startsWith('!') ? 'never' : at(number),
          receiveTimestamp: at(0),
          textPayload: line,
        },
});

async function texts(): Promise<readonly (string | undefined)[]> {
  const filter = filterOf('').filter;
  const { entries } = await store.query({ projects: ['lab'], filter, order: 'oldest-first', pageSize: 1000 });
  return entries.map((it) => it.textPayload);
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500 && !(await holds()); tries++) await sleep(10);
  expect(await holds()).toBe(true);
}

const write = (text: string): void => appendFileSync(join(folder, 'a.log'), text);

test('lines become entries as they come, and malformed ones are counted and explained', async () => {
  const it = collector();
  await it.follow([log()]);
  write('one\n?\ntwo\n');
  await until(() => it.health()[0]?.lines === 3);
  expect(await texts()).toEqual(['one', 'two']);
  expect(it.health()[0]).toMatchObject({ state: 'reading', malformed: 1, lastMalformed: 'a question', lagBytes: 0 });
});

test('a restart and a rotation in between lose no line and repeat none', async () => {
  const first = collector();
  await first.follow([log()]);
  write('one\n');
  await until(() => first.health()[0]?.lines === 1);
  await first.stop();
  write('two\n');
  renameSync(join(folder, 'a.log'), join(folder, 'a.log.1'));
  await sleep(5);
  write('three\n');
  const second = collector();
  await second.follow([log()]);
  await until(() => second.health()[0]?.lines === 3);
  expect(await texts()).toEqual(['one', 'two', 'three']);
});

test('a line that the store refuses is set aside and does not stop the others', async () => {
  const it = collector();
  await it.follow([log()]);
  write('one\n!\ntwo\n');
  await until(() => it.health()[0]?.lines === 3);
  expect(await texts()).toEqual(['one', 'two']);
  expect(it.health()[0]?.lastMalformed).toContain('never is not a time');
});

test('a store that fails for a while loses nothing', async () => {
  let broken = true;
  const it = collector({
    ...store,
    append: async (entries, reading) => {
      if (broken) throw Object.assign(new Error('disk full'), { errcode: 13 });
      return store.append(entries, reading);
    },
  });
  await it.follow([log()]);
  write('one\n');
  await until(() => it.health()[0]?.state === 'failing');
  expect(it.health()[0]?.trouble).toBe('disk full');
  broken = false;
  await until(async () => (await texts()).length === 1);
});

test('what is not wanted any more is forgotten: the next file of that name is read from its start', async () => {
  const it = collector();
  await it.follow([log('lines/a'), log('lines/b', 'b.log')]);
  write('one\n');
  await until(() => it.health()[0]?.lines === 1);
  await it.follow([log('lines/b', 'b.log')]);
  expect(await store.readings()).toEqual([]);
  rmSync(join(folder, 'a.log'));
  writeFileSync(join(folder, 'a.log'), 'another one\n');
  await it.follow([log('lines/a')]);
  await until(() => it.health()[0]?.lines === 1);
  expect(await texts()).toEqual(['one']);
});
