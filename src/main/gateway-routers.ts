import { readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { RoutingInput } from '#engines/routing/input.ts';
import { RouterWatch } from '#gateway/watch/watch.ts';
import { hashOf } from '#lib/hash.ts';

/**
 * Watches the routers of one gateway: `gateway-routers.ts INPUT STATUS`. In the gateway's namespace; it may change routes
 * and end connections there, and nothing else.
 */

function main(): void {
  const [, , file = '', status = ''] = process.argv;
  let hash = '';
  let routers: RouterWatch | undefined;
  const take = (): void => {
    const text = readFileSync(file, 'utf8');
    if (hashOf(text) === hash) return;
    const input = RoutingInput.parse(JSON.parse(text));
    hash = hashOf(text);
    routers?.stop();
    routers = new RouterWatch({ input, hash, status });
  };
  take();
  watch(dirname(file), (_, name) => {
    if (name === basename(file)) take();
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
}

// Imported, it is only compiled: see warm.ts.
if (import.meta.main) main();
