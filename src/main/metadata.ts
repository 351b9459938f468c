import { metadataServer } from '#edge/metadata-server.ts';

/** The metadata server of one network: `metadata.ts FILE ADDRESS`. Runs without any privilege. */

async function main(): Promise<void> {
  const [, , file = '', listen = ''] = process.argv;
  metadataServer(file).listen(80, listen);
}

// Imported, it is only compiled: see warm.ts.
if (import.meta.main) await main();
