import { closeSync, fstatSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { openRegularSync } from '#engines/regular.ts';

/** Where reading of a file goes on. It is stored together with what came from the lines before it. */
export interface Cursor {
  /** Inode, as text because it may exceed a number's precision. */
  readonly inode: string;
  /** Bytes from the start of the file to the start of the first line that was not delivered. */
  readonly offset: number;
  /** First bytes of the file (at most 256), base64: inode numbers are used again. */
  readonly head: string;
  /** Last change of the file when the cursor was taken, nanoseconds, as text: rotated files are read in this order. */
  readonly modified: string;
}

/** A line that was set aside. */
export interface MalformedLine {
  readonly file: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly reason: string;
  /** The beginning of the line. */
  readonly text: string;
}

/** Lines that follow each other in one file, and the cursor behind them. Valid until the next call of the reader. */
export interface LineBatch {
  readonly lines: readonly string[];
  /** Bytes from the start of the file to the start of a line of this batch. */
  offsetOf(index: number): number;
  readonly file: string;
  /** Lines that were longer than the limit; they are not among `lines`. */
  readonly setAside: readonly MalformedLine[];
  readonly cursor: Cursor;
}

export interface ReaderOptions {
  readonly file: string;
  /** Where to go on; undefined begins at the start of the oldest part that is there. */
  readonly cursor?: Cursor | undefined;
  /** Longest line in bytes, and size of the buffer; default 1 MiB. */
  readonly lineLimit?: number;
  /** Which names in the folder are older parts of the file; default `FILE.1`, `FILE-20260131`, but not compressed ones. */
  readonly isOlder?: (name: string) => boolean;
}

interface OpenFile {
  readonly descriptor: number;
  readonly path: string;
  readonly inode: string;
  /** First bytes, to notice that a file was replaced in place or an inode number used again. */
  head: Buffer;
}

const headSize = 256;
/** Bytes that are kept of a line that is too long. */
const exampleSize = 1024;
const newline = 0x0a;

/**
 * Reads complete lines of a file that is appended to, rotated by rename and sometimes truncated; bytes that are no UTF-8
 * become U+FFFD. It stores nothing: the caller stores the cursor of a batch together with what came of the lines, and
 * gives it back after a restart. Reads are synchronous: they come from the page cache, where a turn through the thread
 * pool costs more than the copy.
 */
export class LineReader {
  readonly file: string;
  readonly #buffer: Buffer;
  readonly #isOlder: (name: string) => boolean;
  #open: OpenFile | undefined;
  #wanted: Cursor | undefined;
  /** Offset in the file of the first byte that was not delivered. */
  #offset = 0;
  /** Bytes behind the offset that are known to belong to a line which is too long. */
  #skipped = 0;
  #gaps = 0;

  constructor(options: ReaderOptions) {
    this.file = options.file;
    this.#wanted = options.cursor;
    this.#isOlder = options.isOlder ?? rotatedAs(basename(options.file));
    this.#buffer = Buffer.allocUnsafeSlow((options.lineLimit ?? 1024 * 1024) + 1);
  }

  /** How often a file vanished, or was cut, so that lines may have been missed. */
  get gaps(): number {
    return this.#gaps;
  }

  /** Bytes that wait to be read, in this file and in those that follow it. */
  get lag(): number {
    const open = this.#open;
    if (open === undefined) return siblingAt(this.file)?.size ?? 0;
    const waiting = Math.max(0, fstatSync(open.descriptor).size - this.#offset);
    return waiting + this.#followers(open).reduce((sum, it) => sum + it.size, 0);
  }

  /** The next lines, at most `limit`; undefined when there are none yet. Throws what the file system throws. */
  next(limit: number): LineBatch | undefined {
    // Each turn that does not return goes to a younger file; the bound is for a clock that makes no sense.
    for (let turn = 0; turn < 1000; turn++) {
      const open = this.#open ?? this.#openFirst();
      if (open === undefined) return undefined;
      this.#noticeTruncation(open);
      // Looked at before reading: what comes to the old file until then precedes all that is in the new one.
      const follower = this.#followers(open)[0];
      const batch = this.#read(open, limit, follower !== undefined);
      if (batch !== undefined) return batch;
      if (follower === undefined) return undefined;
      this.#begin(openedAs(follower), 0);
    }
    return undefined;
  }

  close(): void {
    if (this.#open !== undefined) closeSync(this.#open.descriptor);
    this.#open = undefined;
  }

  /**
   * After a restart the file of the cursor may have another name, or be gone. A rotation that happens between looking and opening
   * moves the names on: what is not found is looked for again before giving up.
   */
  #openFirst(): OpenFile | undefined {
    const wanted = this.#wanted;
    if (wanted === undefined) {
      // Whoever has kept nothing so far may have been killed before they could, and the file rotated since.
      for (let attempt = 0; attempt < 3; attempt++) {
        const [oldest] = this.#siblings().filter((it) => it.size > 0);
        const open = oldest === undefined ? opened(this.file) : openedAs(oldest);
        if (oldest === undefined || open !== undefined) return this.#begin(open, 0);
      }
      return undefined;
    }
    for (let attempt = 0; attempt < 3; attempt++) {
      const found = this.#find(wanted);
      if (found !== undefined) return this.#begin(found, wanted.offset);
    }
    // Gone: go on with the oldest file that was written to after it.
    const next = this.#siblings().find((it) => it.modified > BigInt(wanted.modified));
    const begun = this.#begin(next === undefined ? opened(this.file) : openedAs(next), 0);
    if (begun !== undefined) this.#gaps += 1;
    return begun;
  }

  #find(wanted: Cursor): OpenFile | undefined {
    const head = Buffer.from(wanted.head, 'base64');
    for (const path of [this.file, ...this.#siblings().map((it) => it.path)]) {
      const open = opened(path);
      if (open === undefined) continue;
      if (open.inode === wanted.inode && isSame(open.head, head)) return open;
      closeSync(open.descriptor);
    }
    return undefined;
  }

  #begin(open: OpenFile | undefined, offset: number): OpenFile | undefined {
    if (open === undefined) return undefined;
    this.close();
    this.#open = open;
    this.#offset = offset;
    this.#skipped = 0;
    this.#wanted = undefined;
    return open;
  }

  #noticeTruncation(open: OpenFile): void {
    const head = headOf(open.descriptor);
    if (fstatSync(open.descriptor).size < this.#offset || !isSame(head, open.head)) {
      this.#gaps += 1;
      this.#offset = 0;
      this.#skipped = 0;
    }
    open.head = head;
  }

  /** Files that come after the open one, oldest first; none while the open one is current. */
  #followers(open: OpenFile): readonly Sibling[] {
    const current = siblingAt(this.file);
    // An empty new file says nothing yet: the writer may still have the old one open.
    if (current === undefined || current.inode === open.inode || current.size === 0) return [];
    const { mtimeNs } = fstatSync(open.descriptor, { bigint: true });
    const between = this.#siblings().filter(
      (it) => it.modified > mtimeNs && it.inode !== open.inode && it.inode !== current.inode && it.size > 0,
    );
    return [...between, current];
  }

  /** Older parts of the file, oldest first. */
  #siblings(): readonly Sibling[] {
    const folder = dirname(this.file);
    return readdirSync(folder)
      .filter(this.#isOlder)
      .map((it) => siblingAt(join(folder, it)))
      .filter((it) => it !== undefined)
      .sort((a, b) => (a.modified < b.modified ? -1 : a.modified > b.modified ? 1 : a.path < b.path ? 1 : -1));
  }

  #read(open: OpenFile, limit: number, finished: boolean): LineBatch | undefined {
    if (this.#skipped > 0) return this.#readOver(open, finished);
    const size = this.#fill(open, this.#offset);
    let end = 0;
    let count = 0;
    const bytes = this.#buffer.subarray(0, size);
    for (let at = bytes.indexOf(newline); at >= 0 && count < limit; count++) {
      end = at + 1;
      at = bytes.indexOf(newline, end);
    }
    if (count === 0 && size === this.#buffer.length) return this.#readOver(open, finished);
    // What stands behind the last newline of a file that nobody writes to any more is a line too.
    if (count === 0 && finished) end = size;
    return end === 0 ? undefined : this.#deliver(open, end, []);
  }

  /** Finds the end of a line that is longer than the buffer, without keeping it. */
  #readOver(open: OpenFile, finished: boolean): LineBatch | undefined {
    for (;;) {
      const size = this.#fill(open, this.#offset + this.#skipped);
      const at = this.#buffer.subarray(0, size).indexOf(newline);
      if (at >= 0 || (finished && size < this.#buffer.length)) {
        const line = this.#example(open, this.#skipped + (at >= 0 ? at : size));
        this.#offset += this.#skipped + (at >= 0 ? at + 1 : size);
        this.#skipped = 0;
        return this.#deliver(open, 0, [line]);
      }
      this.#skipped += size;
      if (size < this.#buffer.length) return undefined;
    }
  }

  #example(open: OpenFile, length: number): MalformedLine {
    const start = Buffer.alloc(exampleSize);
    const size = readSync(open.descriptor, start, 0, exampleSize, this.#offset);
    return {
      file: open.path,
      offset: this.#offset,
      reason: `longer than ${this.#buffer.length - 1} bytes (${length})`,
      text: start.toString('utf8', 0, size),
    };
  }

  #fill(open: OpenFile, offset: number): number {
    return readSync(open.descriptor, this.#buffer, 0, this.#buffer.length, offset);
  }

  /** `end`: bytes of the buffer that hold complete lines. */
  #deliver(open: OpenFile, end: number, setAside: readonly MalformedLine[]): LineBatch {
    const text = this.#buffer.toString('utf8', 0, end);
    const lines = text.split('\n');
    if (text === '' || text.endsWith('\n')) lines.pop();
    const start = this.#offset;
    this.#offset += end;
    return {
      lines,
      offsetOf: (index) => start + this.#startOf(index),
      file: open.path,
      setAside,
      cursor: {
        inode: open.inode,
        offset: this.#offset,
        head: open.head.toString('base64'),
        modified: String(fstatSync(open.descriptor, { bigint: true }).mtimeNs),
      },
    };
  }

  /** Counted in the bytes, because a replaced character has another length than what it replaces. */
  #startOf(index: number): number {
    let at = 0;
    for (let line = 0; line < index; line++) at = this.#buffer.indexOf(newline, at) + 1;
    return at;
  }
}

interface Sibling {
  readonly path: string;
  readonly inode: string;
  readonly size: number;
  /** Nanoseconds. */
  readonly modified: bigint;
}

function siblingAt(path: string): Sibling | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return undefined;
  return { path, inode: String(found.ino), size: Number(found.size), modified: found.mtimeNs };
}

/** `eve.json.1`, `eve.json-20260131`; compressed ones were read before. */
const rotatedAs =
  (file: string) =>
  (name: string): boolean =>
    (name.startsWith(`${file}.`) || name.startsWith(`${file}-`)) && !/\.(gz|xz|zst|bz2|lz4)$/.test(name);

function opened(path: string): OpenFile | undefined {
  const descriptor = openRegularSync(path);
  if (descriptor === undefined) return undefined;
  const inode = String(fstatSync(descriptor, { bigint: true }).ino);
  return { descriptor, path, inode, head: headOf(descriptor) };
}

/** Undefined when the name stands for another file by now. */
function openedAs({ path, inode }: Sibling): OpenFile | undefined {
  const open = opened(path);
  if (open === undefined || open.inode === inode) return open;
  closeSync(open.descriptor);
  return undefined;
}

function headOf(descriptor: number): Buffer {
  const head = Buffer.allocUnsafe(headSize);
  return head.subarray(0, readSync(descriptor, head, 0, headSize, 0));
}

/** A file that has grown since still begins with what it began with. */
function isSame(now: Buffer, before: Buffer): boolean {
  return now.length >= before.length && now.subarray(0, before.length).equals(before);
}
