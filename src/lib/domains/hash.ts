/**
 * 52-bit hashes of a name and of everything that it lies below, the whole name last: `www.example.com` gives those of
 * `com`, `example.com` and `www.example.com`. One pass from the end of the name. Not keyed: whoever finds a collision
 * gets a name blocked, never one let through that a list holds.
 */
export function suffixHashes(name: string): readonly number[] {
  const out: number[] = [];
  let [a, b] = [0x811c9dc5, 0x9747b28c];
  for (let index = name.length - 1; index >= 0; index--) {
    const sign = name.charCodeAt(index);
    if (sign === DOT) out.push(joined(a, b));
    a = Math.imul(a ^ sign, 0x01000193);
    b = Math.imul(b ^ sign, 0x5bd1e995);
    b ^= b >>> 15;
  }
  out.push(joined(a, b));
  return out;
}

const DOT = 0x2e;

/** The last step of MurmurHash3: every bit counts for every bit. */
function mixed(value: number): number {
  let it = value;
  it = Math.imul(it ^ (it >>> 16), 0x85ebca6b);
  it = Math.imul(it ^ (it >>> 13), 0xc2b2ae35);
  return (it ^ (it >>> 16)) >>> 0;
}

/** 32 bits of one and 20 of the other; exact in a double. */
const joined = (a: number, b: number): number => mixed(a) * 0x100000 + (mixed(b) >>> 12);
