import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The command line. */

// Types are stripped once. Each user has a folder of their own, so that nobody runs what somebody else compiled.
enableCompileCache(fileURLToPath(new URL(`../../node_modules/.cache/vauban-${process.getuid?.()}`, import.meta.url)));
const { start } = await import('#cli/start.ts');

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

await start({
  version,
  inputs: process.argv.slice(2),
  machine: {
    up: async () => (await import('#lab/verbs.ts')).up,
    down: async () => (await import('#lab/verbs.ts')).down,
    netns: async () => (await import('#lab/netns.ts')).netns,
    machines: async () => (await import('#lab/machine-verbs.ts')).machines,
    doctor: async () => (await import('#lab/verbs.ts')).doctor,
    backup: async () => (await import('#lab/backup-verbs.ts')).backup,
    restore: async () => (await import('#lab/backup-verbs.ts')).restore,
    setup: async () => (await import('#lab/verbs.ts')).setup,
  },
});
