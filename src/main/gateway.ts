import { readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { ServiceFile } from '#engines/gateway-service/input.ts';
import { GatewayNode } from '#gateway/node.ts';
import { hashOf } from '#lib/hash.ts';

/**
 * The gateway service of one node of a cluster: `gateway.ts INPUT ROLE FOLDER SOCKET STATE-FOLDER`. Runs without any
 * privilege.
 */

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function main(): void {
  const [, , file = '', role = '', folder = '', socket = '', kept = ''] = process.argv;
  let hash = '';
  let node: GatewayNode | undefined;
  const take = (): void => {
    const text = readFileSync(file, 'utf8');
    if (hashOf(text) === hash) return;
    const input = ServiceFile.parse(JSON.parse(text));
    hash = hashOf(text);
    node?.stop();
    node = new GatewayNode({ input, version, hash, role, folder, socket, kept });
  };
  take();
  watch(dirname(file), (_, name) => {
    if (name === basename(file)) take();
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
}

// Imported, it is only compiled: see warm.ts.
if (import.meta.main) main();
