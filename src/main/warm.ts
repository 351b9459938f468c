/**
 * Compiles everything that runs, and does nothing else. With NODE_COMPILE_CACHE set it leaves there what the processes then
 * start from.
 */
import './control.ts';
import './edge.ts';
import './host.ts';
import './metadata.ts';
