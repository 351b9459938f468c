import { appendFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasNewAlerts } from './pending.ts';

const alert = (sid: number): string => `{"event_type":"alert","alert":{"signature_id":${sid}}}\n`;

test('new alerts are noticed once, canaries and half lines are not, and a new file begins anew', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vauban-pending-'));
  const eve = join(folder, 'eve.json');
  try {
    expect(await hasNewAlerts(eve)).toBe(false);
    await appendFile(eve, alert(9_000_000) + alert(9_000_100));
    expect([await hasNewAlerts(eve), await hasNewAlerts(eve)]).toEqual([true, false]);
    await appendFile(eve, alert(9_000_000) + alert(7).slice(0, 30));
    expect(await hasNewAlerts(eve)).toBe(false);
    await appendFile(eve, alert(7).slice(30));
    expect(await hasNewAlerts(eve)).toBe(true);
    await rename(eve, `${eve}.1`);
    await appendFile(eve, alert(8));
    expect(await hasNewAlerts(eve)).toBe(true);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
