import { startEdge } from './edge/start.ts';

/** The edge service of one project: `edge.ts RUN-FOLDER STATE-FOLDER MAPS-FOLDER OPERATORS-SOCKET VPN-SOCKET AUTHORITIES-FOLDER`. Runs without any privilege. */

async function main(): Promise<void> {
  const [, , run = '', state = '', maps = '', operator = '', vpn = '', authorities = ''] = process.argv;
  const edge = await startEdge({ run, state, maps, operator, vpn, authorities });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void edge.stop().then(() => process.exit(0)));
  }
}

// Imported, it is only compiled: see warm.ts.
if (import.meta.main) await main();
