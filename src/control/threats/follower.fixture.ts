/** Runs the pipeline on one file until it is killed. For the test of what a sudden death leaves behind. */
import { startPipeline } from './pipeline.ts';
import { contextOf, endpoint } from './samples.ts';
import { openThreatStore } from './sqlite/open.ts';

const [, , file = '', database = ''] = process.argv;
const pipeline = startPipeline({ store: openThreatStore(database), contextFor: () => contextOf() });
await pipeline.put({ endpoint, trafficLogs: false, file, interfaces: { x0: 'sent', y0: 'received' } });
process.stdout.write('following\n');
