import { execFile } from 'node:child_process';
import { unwatchFile, watchFile } from 'node:fs';

/** Milliseconds between two looks at the list. */
const INTERVAL = 1000;

/** Serial numbers in what `openssl crl -text` prints, in lower-case hexadecimal. Pure. */
export const serialsIn = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(/Serial Number: ([0-9A-Fa-f]+)/g)].map(([, it]) => (it ?? '').toLowerCase()));

/** Tells whose certificates are revoked, now and whenever the list changes. Gives what ends it. */
export function followRevocations(path: string, changed: (serials: ReadonlySet<string>) => void): () => void {
  const look = (): void => {
    const options = { maxBuffer: 64 * 1024 * 1024 };
    execFile('openssl', ['crl', '-in', path, '-noout', '-text'], options, (error, text) => {
      // A list that cannot be read lets nobody new in: openvpn sees to that.
      if (error === null) changed(serialsIn(text));
    });
  };
  look();
  watchFile(path, { interval: INTERVAL }, look);
  return () => unwatchFile(path, look);
}
