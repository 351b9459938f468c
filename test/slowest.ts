import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

const SHOWN = 10;

/** Tells after a long run where the time went: the slowest files, set-up included. */
export default class Slowest implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    if (modules.length <= SHOWN) return;
    const slowest = modules
      .map((it) => ({ file: relative(process.cwd(), it.moduleId), seconds: it.diagnostic().duration / 1000 }))
      .toSorted((a, b) => b.seconds - a.seconds);
    console.log(`\nThe slowest of ${modules.length} files:`);
    for (const { file, seconds } of slowest.slice(0, SHOWN))
      console.log(`${seconds.toFixed(1).padStart(8)} s  ${file}`);
  }
}
