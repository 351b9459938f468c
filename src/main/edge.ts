import { startEdge } from './edge/start.ts';

/** The edge service of one project: `edge.ts RUN-FOLDER STATE-FOLDER`. Runs without any privilege. */

const [, , run = '', state = ''] = process.argv;
const edge = await startEdge({ run, state });

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void edge.stop().then(() => process.exit(0)));
}
