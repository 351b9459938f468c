import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Cursor, LineReader, type MalformedLine } from './reader.ts';

let folder: string;
let file: string;
let readers: LineReader[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vauban-reader-'));
  file = join(folder, 'eve.json');
  readers = [];
});

afterEach(() => {
  for (const reader of readers) reader.close();
  rmSync(folder, { recursive: true, force: true });
});

function open(cursor?: Cursor, lineLimit = 64): LineReader {
  const reader = new LineReader({ file, cursor, lineLimit });
  readers.push(reader);
  return reader;
}

interface Read {
  readonly lines: string[];
  readonly setAside: MalformedLine[];
  readonly cursor: Cursor | undefined;
}

/** Everything that there is now. */
function drain(reader: LineReader, limit = 100): Read {
  const read: Read & { cursor: Cursor | undefined } = { lines: [], setAside: [], cursor: undefined };
  for (let turn = 0; turn < 100; turn++) {
    const batch = reader.next(limit);
    if (batch === undefined) break;
    read.lines.push(...batch.lines);
    read.setAside.push(...batch.setAside);
    read.cursor = batch.cursor;
  }
  return read;
}

const lines = (reader: LineReader): string[] => drain(reader).lines;

test('a pipe in the place of the file holds nobody up, and what comes after it is read', () => {
  spawnSync('mkfifo', [file]);
  const reader = open();
  expect(drain(reader).lines).toEqual([]);
  unlinkSync(file);
  writeFileSync(file, 'one\n');
  expect(drain(reader).lines).toEqual(['one']);
});

describe('reading an event file', () => {
  test('waits for a file that is not there yet', () => {
    const reader = open();
    expect(reader.next(10)).toBeUndefined();
    writeFileSync(file, 'a\n');
    expect(lines(reader)).toEqual(['a']);
  });

  test('gives a line when its end is there, and once', () => {
    const reader = open();
    writeFileSync(file, 'a\nb');
    expect(lines(reader)).toEqual(['a']);
    expect(lines(reader)).toEqual([]);
    appendFileSync(file, 'c\nd\n');
    expect(lines(reader)).toEqual(['bc', 'd']);
  });

  test('goes on at the cursor after a restart, in the middle of a batch too', () => {
    writeFileSync(file, 'a\nb\nc\nd\n');
    const first = open().next(2);
    expect(first?.lines).toEqual(['a', 'b']);
    expect(lines(open(first?.cursor))).toEqual(['c', 'd']);
  });

  test('finishes the old file after a rotation, before it begins the new one', () => {
    const reader = open();
    writeFileSync(file, 'a\n');
    expect(lines(reader)).toEqual(['a']);
    appendFileSync(file, 'b\n');
    renameSync(file, `${file}.1`);
    expect(lines(reader)).toEqual(['b']);
    // The writer may still have the old file open until it has written to the new one.
    writeFileSync(file, '');
    appendFileSync(`${file}.1`, 'c\n');
    expect(lines(reader)).toEqual(['c']);
    appendFileSync(`${file}.1`, 'd\n');
    appendFileSync(file, 'e\n');
    expect(lines(reader)).toEqual(['d', 'e']);
    expect(reader.gaps).toBe(0);
  });

  test('reads every file that was rotated while nobody read, in their order', async () => {
    const reader = open();
    writeFileSync(file, 'a\n');
    const { cursor } = drain(reader);
    for (const [line, older] of [
      ['b', 0],
      ['c', 1],
      ['d', 2],
    ] as const) {
      for (let n = older; n > 0; n--) renameSync(`${file}.${n}`, `${file}.${n + 1}`);
      renameSync(file, `${file}.1`);
      await new Promise((resolve) => setTimeout(resolve, 15));
      writeFileSync(file, `${line}\n`);
    }
    const again = open(cursor);
    expect(lines(again)).toEqual(['b', 'c', 'd']);
    expect(again.gaps).toBe(0);
    expect(lines(reader)).toEqual(['b', 'c', 'd']);
  });

  test('begins with what was rotated before anybody could keep a cursor', () => {
    writeFileSync(file, 'one\n');
    expect(lines(open())).toEqual(['one']);
    renameSync(file, `${file}.1`);
    writeFileSync(file, 'two\n');
    expect(lines(open())).toEqual(['one', 'two']);
  });

  test('says that lines may be missing when the file of its cursor is gone', async () => {
    writeFileSync(file, 'a\n');
    const { cursor } = drain(open());
    appendFileSync(file, 'lost\n');
    unlinkSync(file);
    await new Promise((resolve) => setTimeout(resolve, 15));
    writeFileSync(file, 'b\n');
    const reader = open(cursor);
    expect(lines(reader)).toEqual(['b']);
    expect(reader.gaps).toBe(1);
  });

  test('begins again when the file was truncated', () => {
    const reader = open();
    writeFileSync(file, 'a\nb\n');
    expect(lines(reader)).toEqual(['a', 'b']);
    truncateSync(file);
    appendFileSync(file, 'c\n');
    expect(lines(reader)).toEqual(['c']);
    expect(reader.gaps).toBe(1);
  });

  test('notices a truncation that was overtaken by new lines, also after a restart', () => {
    writeFileSync(file, 'a\nb\n');
    const reader = open();
    const { cursor } = drain(reader);
    truncateSync(file);
    appendFileSync(file, 'c\nd\ne\n');
    expect(lines(reader)).toEqual(['c', 'd', 'e']);
    expect(lines(open(cursor))).toEqual(['c', 'd', 'e']);
  });

  test('sets a line aside that is too long, and goes on behind it', () => {
    const reader = open();
    writeFileSync(file, `a\n${'x'.repeat(64)}\n${'y'.repeat(65)}\nb\n`);
    const read = drain(reader);
    expect(read.lines).toEqual(['a', 'x'.repeat(64), 'b']);
    expect(read.setAside).toEqual([
      { file, offset: 67, reason: 'longer than 64 bytes (65)', text: expect.stringMatching(/^y{65}/) },
    ]);
  });

  test('reads over a line of any length in pieces, also when it is still being written', () => {
    const reader = open();
    writeFileSync(file, 'z'.repeat(1000));
    expect(drain(reader)).toMatchObject({ lines: [], setAside: [] });
    appendFileSync(file, 'z'.repeat(500));
    expect(drain(reader)).toMatchObject({ lines: [], setAside: [] });
    appendFileSync(file, '\nb\n');
    const read = drain(reader);
    expect(read.lines).toEqual(['b']);
    expect(read.setAside.map((it) => it.reason)).toEqual(['longer than 64 bytes (1500)']);
    expect(read.cursor?.offset).toBe(1503);
  });

  test('gives what stands behind the last newline of a file that was rotated away', () => {
    const reader = open();
    writeFileSync(file, 'a\nb');
    expect(lines(reader)).toEqual(['a']);
    renameSync(file, `${file}.1`);
    writeFileSync(file, 'c\n');
    expect(lines(reader)).toEqual(['b', 'c']);
  });

  test('replaces bytes that are no UTF-8 and still knows where each line stands', () => {
    writeFileSync(file, Buffer.concat([Buffer.from('é'), Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from('b\nc\n')]));
    const batch = open().next(10);
    expect(batch?.lines).toEqual(['é\ufffd\ufffd', 'b', 'c']);
    expect([0, 1, 2].map((index) => batch?.offsetOf(index))).toEqual([0, 5, 7]);
  });

  test('tells how many bytes wait, rotated files included', () => {
    const reader = open();
    writeFileSync(file, 'a\n');
    lines(reader);
    appendFileSync(file, 'bb\n');
    expect(reader.lag).toBe(3);
    renameSync(file, `${file}.1`);
    writeFileSync(file, 'ccc\n');
    expect(reader.lag).toBe(7);
    lines(reader);
    expect(reader.lag).toBe(0);
  });
});
