import { readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { startPortal } from '#captive-portal/start.ts';
import { PortalFile } from '#engines/captive-portal/input.ts';
import { captivePortalPaths } from '#engines/captive-portal/paths.ts';
import { hashOf } from '#lib/hash.ts';

/**
 * The service of the captive portal of one gateway: `captive-portal.ts INPUT`. Runs with one right, to change the packet
 * filter of its own namespace.
 */

function main(): void {
  const [, , path = ''] = process.argv;
  const text = readFileSync(path, 'utf8');
  const file = PortalFile.parse(JSON.parse(text));
  const stop = startPortal({ file, hash: hashOf(text) }, captivePortalPaths(file, file.namespace));
  const end = (): never => {
    stop();
    process.exit(0);
  };
  // With another input it begins anew; who is signed in stays so.
  watch(dirname(path), (_, name) => {
    if (name === basename(path) && readFileSync(path, 'utf8') !== text) end();
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);
}

// Imported, it is only compiled: see warm.ts.
if (import.meta.main) main();
