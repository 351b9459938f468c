import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { healthAt } from '#engines/edge/health.ts';
import { hashOf } from '#lib/hash.ts';
import { type RunningEdge, startEdge } from './start.ts';

const folders: string[] = [];
const running: RunningEdge[] = [];

afterEach(async () => {
  for (const it of running.splice(0)) await it.stop();
  for (const it of folders.splice(0)) rmSync(it, { recursive: true, force: true });
});

const input = (more: object = {}): string =>
  JSON.stringify({
    project: { id: 'lab', number: '123456789012', namespace: 'edge.lab' },
    ...{
      services: [],
      bindings: [],
      accessLevels: [],
      providers: [],
      directories: [],
      clients: [],
      serviceAccounts: [],
    },
    ...more,
  });

const put = (folder: string, text: string): void => {
  writeFileSync(`${folder}/edge.json.new`, text, { mode: 0o640 });
  renameSync(`${folder}/edge.json.new`, `${folder}/edge.json`);
};

test('the edge service takes a replaced input by itself, and keeps the former when the new one is none', async () => {
  const folder = mkdtempSync(`${tmpdir()}/vauban-edge-`);
  folders.push(folder);
  put(folder, input());
  const edge = await startEdge({ run: folder, state: folder, maps: folder });
  running.push(edge);
  expect((await healthAt(`${folder}/web.sock`)).input).toBe(hashOf(input()));

  const next = input({ signIn: { sessionSeconds: 120 } });
  put(folder, next);
  for (let tries = 0; tries < 100 && (await healthAt(`${folder}/web.sock`)).input !== hashOf(next); tries++)
    await sleep(20);
  expect(edge.edge.input().signIn?.sessionSeconds).toBe(120);

  put(folder, '{"project":');
  for (let tries = 0; tries < 100 && (await healthAt(`${folder}/web.sock`)).refused === undefined; tries++)
    await sleep(20);
  expect(await healthAt(`${folder}/web.sock`)).toMatchObject({ input: hashOf(next), refused: expect.any(String) });
});
