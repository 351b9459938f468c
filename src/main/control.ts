import { readFileSync } from 'node:fs';
import { listen } from '#api/server.ts';
import { deploymentAt, type Settings } from '#core/deployment.ts';
import { startControl } from './parts.ts';

/** Control: unprivileged. `control.ts STATE-FOLDER`. */

async function main(): Promise<void> {
  const deployment = deploymentAt(process.argv[2]);
  const settings = JSON.parse(readFileSync(`${deployment.state}/settings.json`, 'utf8')) as Settings;
  const control = await startControl(deployment);
  const server = await listen({
    parts: control.parts,
    hostSocket: deployment.hostSocket,
    run: deployment.run,
    settings,
    key: readFileSync(`${deployment.apiFolder}/server.key`),
    certificate: readFileSync(`${deployment.apiFolder}/server.crt`),
  });
  control.log('ready', { address: `https://${settings.host}:${settings.port}` });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      server.close();
      void control.stop().then(() => process.exit(0));
    });
  }
}

// Imported, it is only compiled: see warm.ts.
if (import.meta.main) await main();
