import { startEdge } from './edge/start.ts';

/** The edge service of one project: `edge.ts RUN-FOLDER STATE-FOLDER MAPS-FOLDER`. Runs without any privilege. */

const [, , run = '', state = '', maps = ''] = process.argv;
const edge = await startEdge({ run, state, maps });

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void edge.stop().then(() => process.exit(0)));
}
