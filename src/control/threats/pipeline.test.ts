import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ThreatChange } from './change.ts';
import type { FeedSettings } from './feed.ts';
import { type PipelineOptions, startPipeline, type ThreatPipeline } from './pipeline.ts';
import { contextOf, endpoint, lineOf, start } from './samples.ts';
import { openThreatStore } from './sqlite/open.ts';
import type { ThreatStore } from './store.ts';

let folder: string;
let file: string;
let store: ThreatStore;
let pipeline: ThreatPipeline | undefined;
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vauban-pipeline-'));
  file = join(folder, 'eve.json');
  store = openThreatStore(join(folder, 'threats.db'));
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await pipeline?.stop();
  pipeline = undefined;
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const settings = (changes: Partial<FeedSettings> = {}): FeedSettings => ({
  endpoint,
  trafficLogs: false,
  file,
  interfaces: { x0: 'sent', y0: 'received' },
  ...changes,
});

function run(options: Partial<PipelineOptions> = {}): ThreatPipeline {
  pipeline = startPipeline({ store, contextFor: () => contextOf(), ...options });
  return pipeline;
}

/** Waits until a condition holds, for most of a test's own time at most; what is expected then says what was missing. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 60_000 && !(await condition()); turn++) await sleep(5);
}

const write = (lines: readonly string[]): void => appendFileSync(file, lines.map((it) => `${it}\n`).join(''));
const addresses = async (): Promise<string[]> =>
  (await store.list({ project: 'lab', fold: false, order: 'oldest', limit: 1000 })).items.map(
    (it) => it.source.address,
  );

describe('the pipeline', () => {
  test('stores each threat and tells every subscriber once', async () => {
    const heard: ThreatChange[] = [];
    const { put, listen, changes } = run();
    listen((change) => heard.push(change));
    listen(() => {
      throw new RangeError('a listener that fails');
    });
    const stop = new AbortController();
    const streamed: string[] = [];
    const stream = (async () => {
      for await (const news of changes(stop.signal)) streamed.push(news.kind);
    })();
    await put(settings());
    write([lineOf(1, start)]);
    await until(() => heard.length === 1);
    write([lineOf(1, start + 1000), lineOf(2, start + 2000), lineOf(2, start + 2100, 'y0')]);
    await until(() => heard.length === 4);
    await sleep(20);
    stop.abort();
    await stream;
    expect(
      heard.map((it) => (it.kind === 'opened' ? [it.threat.source.address, it.threat.folded] : it.repeatCount)),
    ).toEqual([['10.0.0.1', false], ['10.0.0.2', false], ['10.0.0.2', true], 2]);
    expect(streamed).toEqual(heard.map((it) => it.kind));
    const { items } = await store.list({ project: 'lab', fold: false });
    for (const change of heard) {
      if (change.kind === 'opened' && change.threat.source.address !== '10.0.0.1')
        expect(items).toContainEqual(change.threat);
    }
  });

  test('hands canaries over and makes no threat of them', async () => {
    const canaries: number[] = [];
    const { put, health } = run({ onCanary: (_, alert) => canaries.push(alert.signatureId) });
    await put(settings());
    write([lineOf(1, start).replace('9100001', '9000007'), lineOf(2, start)]);
    await until(async () => (await addresses()).length === 1);
    expect(canaries).toEqual([9_000_007]);
    expect(health()[0]).toMatchObject({ lines: 2, canaries: 1 });
  });

  test('shows its health: lines, what was suppressed and malformed, and where', async () => {
    const { put, health } = run();
    await put(settings({ endpoint: { ...endpoint, exceptions: [{ threatId: '36729', source: '10.0.0.1' }] } }));
    write([lineOf(1, start), '{"event_type":"alert"}', lineOf(2, start), '{"event_type":"stats"}']);
    await until(() => health()[0]?.lines === 4);
    expect(health()).toEqual([
      {
        project: 'lab',
        endpoint: 'cloud-ids-east1',
        state: 'reading',
        linesPerSecond: 0.4,
        lines: 4,
        malformed: 1,
        canaries: 0,
        suppressed: { 'exception/36729': 1 },
        gaps: 0,
        lagBytes: 0,
        lastLineAt: expect.any(Number),
      },
    ]);
    expect(await store.malformed('lab/cloud-ids-east1')).toEqual([
      {
        file,
        offset: lineOf(1, start).length + 1,
        reason: 'an alert without signature_id',
        text: '{"event_type":"alert"}',
      },
    ]);
  });

  test('takes new settings without a break, and stops with an endpoint', async () => {
    const { put, remove, health } = run();
    await put(settings());
    write([lineOf(1, start)]);
    await until(async () => (await addresses()).length === 1);
    await put(settings({ endpoint: { ...endpoint, exceptions: [{ source: '10.0.0.2' }] } }));
    write([lineOf(2, start), lineOf(3, start)]);
    await until(() => health()[0]?.lines === 3);
    await remove(endpoint);
    expect(health()).toEqual([]);
    write([lineOf(4, start)]);
    await put(settings());
    await until(async () => (await addresses()).length === 3);
    expect(await addresses()).toEqual(['10.0.0.1', '10.0.0.3', '10.0.0.4']);
  });

  test('follows several endpoints, each with its own file', async () => {
    const { put } = run();
    await put(settings());
    await put(settings({ endpoint: { ...endpoint, name: 'west' }, file: join(folder, 'west', 'eve.json') }));
    write([lineOf(1, start)]);
    // A folder that comes later than its endpoint.
    const { mkdirSync } = await import('node:fs');
    mkdirSync(join(folder, 'west'));
    writeFileSync(join(folder, 'west', 'eve.json'), `${lineOf(2, start)}\n`);
    await until(async () => (await addresses()).length === 2);
    expect((await store.list({ project: 'lab', endpoint: 'west' })).items).toHaveLength(1);
  });

  test('goes on after the store has failed, and loses nothing', async () => {
    let broken = true;
    const flaky: ThreatStore = {
      ...store,
      append: async (it) => {
        if (broken) throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
        return store.append(it);
      },
    };
    const { put, health } = run({ store: flaky });
    write([lineOf(1, start), lineOf(2, start)]);
    await put(settings());
    await until(() => health()[0]?.state === 'failing');
    expect(health()[0]?.trouble).toBe('database or disk is full');
    broken = false;
    write([lineOf(3, start)]);
    await until(async () => (await addresses()).length === 3);
    expect(await addresses()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    await until(() => health()[0]?.state === 'reading');
    expect(health()[0]?.trouble).toBeUndefined();
  });

  test('sets aside the one line that cannot be stored, and keeps all others', async () => {
    const picky: ThreatStore = {
      ...store,
      append: async (it) => {
        if (it.folded.opened.some(({ sighting }) => sighting.source.address === '10.0.0.7'))
          throw new RangeError('no sevens');
        return store.append(it);
      },
    };
    const { put, health } = run({ store: picky });
    write(Array.from({ length: 20 }, (_, n) => lineOf(n, start + n)));
    await put(settings());
    await until(() => health()[0]?.lines === 20);
    expect(await addresses()).toEqual(
      Array.from({ length: 20 }, (_, n) => `10.0.0.${n}`).filter((it) => it !== '10.0.0.7'),
    );
    expect(await store.malformed('lab/cloud-ids-east1')).toMatchObject([
      { reason: 'it could not be stored: no sevens', offset: 7 * (lineOf(1, start).length + 1) },
    ]);
  });

  test('deletes by itself what is not to be kept', async () => {
    const { put } = run({ retention: () => ({ threats: 2 }) });
    write([lineOf(1, start), lineOf(2, start + 1), lineOf(3, start + 2)]);
    await put(settings());
    await until(async () => (await addresses()).join() === '10.0.0.2,10.0.0.3');
    expect(await addresses()).toEqual(['10.0.0.2', '10.0.0.3']);
  });
});

/** A process that does nothing but run the pipeline on the file; it is killed without warning. */
function follower(): ChildProcess {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      join(import.meta.dirname, 'follower.fixture.ts'),
      file,
      join(folder, 'threats.db'),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.push(child);
  return child;
}

test('kill -9 at any moment of a flood, with rotations, loses no alert and stores none twice', {
  timeout: 300_000,
}, async () => {
  await store.close();
  const total = 30_000;
  let written = 0;
  const flood = async (count: number): Promise<void> => {
    for (const end = Math.min(total, written + count); written < end; ) {
      const lines: string[] = [];
      // Every tenth alert repeats the one before it: folding has to survive as well.
      for (let n = 0; n < 100 && written < end; n++, written++) {
        const host = written % 10 === 9 ? written - 1 : written;
        lines.push(lineOf(host, start + written * 100));
      }
      const text = lines.map((it) => `${it}\n`).join('');
      // Written in two parts, so that the reader meets lines without their end.
      const half = Math.floor(text.length / 3);
      appendFileSync(file, text.slice(0, half));
      appendFileSync(file, text.slice(half));
      await sleep(0);
    }
  };
  for (let round = 0; round < 8; round++) {
    const child = follower();
    const out = child.stdout;
    if (out === null) throw new RangeError('no output');
    await once(out, 'data');
    const flooding = flood(3750);
    await sleep([5, 60, 130, 20, 250, 90, 40, 170][round] ?? 0);
    child.kill('SIGKILL');
    await flooding;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    if (round % 3 === 2) {
      renameSync(file, `${file}.${round}`);
      writeFileSync(file, '');
    }
  }
  store = openThreatStore(join(folder, 'threats.db'));
  const { put, health } = run();
  await put(settings());
  await until(() => (health()[0]?.lines ?? 0) >= total);
  await sleep(50);
  expect(health()[0]).toMatchObject({ lines: total, malformed: 0, gaps: 0, lagBytes: 0 });
  const counts = new Map<string, number>();
  let pageToken: string | undefined;
  do {
    const page = await store.list({
      project: 'lab',
      fold: false,
      limit: 1000,
      ...(pageToken === undefined ? {} : { pageToken }),
    });
    for (const it of page.items) counts.set(it.source.address, (counts.get(it.source.address) ?? 0) + it.repeatCount);
    expect(page.items.every((it) => it.repeatCount <= 2)).toBe(true);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
  expect(counts.size).toBe(total * 0.9);
  expect([...counts.values()].reduce((sum, it) => sum + it, 0)).toBe(total);
  expect((await store.counts({ project: 'lab' })).CRITICAL).toBe(total * 0.9);
});
