import { readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { VpnFile } from '#engines/openvpn/input.ts';
import { openvpnPaths } from '#engines/openvpn/paths.ts';
import { hashOf } from '#lib/hash.ts';
import { type Started, startVpn } from '#vpn/start.ts';

/**
 * The VPN service of one gateway: `vpn.ts INPUT`. Runs with one right, to change the packet filter of its own namespace.
 */

function main(): void {
  const [, , path = ''] = process.argv;
  let hash = '';
  let running: Started | undefined;
  let listeners = '';
  const take = (): void => {
    const text = readFileSync(path, 'utf8');
    if (hashOf(text) === hash) return;
    const file = VpnFile.parse(JSON.parse(text));
    hash = hashOf(text);
    const wanted = JSON.stringify([file.listeners, file.edgeSocket]);
    if (running === undefined) {
      listeners = wanted;
      running = startVpn({ file, hash }, openvpnPaths({ run: file.run, state: '' }, file));
    } else if (wanted === listeners) running.take(file, hash);
    // Another set of listeners is another service; its supervisor starts it at once.
    else process.exit(0);
  };
  take();
  watch(dirname(path), (_, name) => {
    if (name === basename(path)) take();
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      running?.stop();
      process.exit(0);
    });
  }
}

// Imported, it is only compiled: see warm.ts.
if (import.meta.main) main();
