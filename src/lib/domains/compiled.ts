import { createHash } from 'node:crypto';
import { suffixHashes } from './hash.ts';

/** A list of domains that answers fast from little memory: 8 bytes for each. A domain covers what lies below it. */
export interface CompiledList {
  /** Sorted. */
  readonly domains: Float64Array;
  /** Sorted; what is here is not on the list, whatever is above it. */
  readonly exceptions: Float64Array;
}

const MAGIC = 'VBDOMS01';
const HEAD = 64;

export const compileList = (domains: Iterable<string>, exceptions: Iterable<string> = []): CompiledList => ({
  domains: hashesOf(domains),
  exceptions: hashesOf(exceptions),
});

function hashesOf(names: Iterable<string>): Float64Array {
  const all = Float64Array.from(names, (it) => suffixHashes(it).at(-1) ?? 0).sort();
  let count = 0;
  for (const it of all) if (count === 0 || it !== all[count - 1]) all[count++] = it;
  return all.slice(0, count);
}

/** Whether a list holds a name or something that it lies below; `hashes` are those of `suffixHashes`. */
export function holds(list: CompiledList, hashes: readonly number[]): boolean {
  return hashes.some((it) => has(list.domains, it)) && !hashes.some((it) => has(list.exceptions, it));
}

function has(sorted: Float64Array, wanted: number): boolean {
  let [low, high] = [0, sorted.length - 1];
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = sorted[middle] as number;
    if (found === wanted) return true;
    if (found < wanted) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}

/** As a file: a head with the counts and a digest, then the hashes as little-endian doubles. */
export function encodeList({ domains, exceptions }: CompiledList): Uint8Array {
  const out = Buffer.alloc(HEAD + 8 * (domains.length + exceptions.length));
  out.write(MAGIC, 0, 'latin1');
  out.writeUInt32LE(domains.length, 8);
  out.writeUInt32LE(exceptions.length, 12);
  let at = HEAD;
  for (const part of [domains, exceptions]) for (const it of part) at = out.writeDoubleLE(it, at);
  digestOf(out).copy(out, 32);
  return out;
}

/** Undefined when it is no such file, or not a whole one. */
export function decodeList(bytes: Uint8Array): CompiledList | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < HEAD || file.toString('latin1', 0, 8) !== MAGIC) return undefined;
  const [domains, exceptions] = [file.readUInt32LE(8), file.readUInt32LE(12)];
  if (file.length !== HEAD + 8 * (domains + exceptions)) return undefined;
  if (!digestOf(file).equals(file.subarray(32, HEAD))) return undefined;
  const middle = HEAD + 8 * domains;
  return { domains: doubles(file.subarray(HEAD, middle)), exceptions: doubles(file.subarray(middle)) };
}

/** Without a copy where the bytes lie well: a list of a million domains stands in memory once. */
function doubles(bytes: Buffer): Float64Array {
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  return new Float64Array(aligned.buffer, aligned.byteOffset, bytes.length / 8);
}

const digestOf = (file: Buffer): Buffer =>
  createHash('sha256').update(file.subarray(0, 16)).update(file.subarray(HEAD)).digest();
