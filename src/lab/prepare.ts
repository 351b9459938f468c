import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '#core/problem.ts';

/** What a site folder may bring to make files that are named in it and that nobody should keep: keys, certificates. */
const SCRIPT = 'prepare.sh';

/**
 * Runs `prepare.sh` of a site folder, if there is one, before the site is read. It runs as the owner of the folder: being
 * called by root gives it nothing. It must keep what it made before.
 */
export function prepareSite(site: string, say: (text: string) => void): void {
  const script = join(site, SCRIPT);
  const owner = statSync(script, { throwIfNoEntry: false });
  if (owner === undefined) return;
  const { uid, gid } = statSync(site);
  const { status, stderr } = spawnSync('sh', [SCRIPT], { cwd: site, uid, gid, encoding: 'utf8', timeout: 60_000 });
  if (status === 0) {
    for (const line of stderr.split('\n').filter((it) => it.startsWith('==> '))) say(line.slice(4));
    return;
  }
  throw new Problem('INVALID_REQUEST', {
    at: script,
    message: `it ended with ${status ?? 'a signal'}: ${stderr.trim().split('\n').at(-1) ?? ''}`,
    fix: 'Run it by hand, mend what it says, then run `vauban up` again.',
  });
}
