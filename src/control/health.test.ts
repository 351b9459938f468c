import { expect, test } from 'vitest';
import type { Observation } from '#core/engine.ts';
import { type HealthSources, healthOf } from './health.ts';

const line = { lines: 24, malformed: 0, lagBytes: 0, linesPerSecond: 0, gaps: 0, state: 'reading' as const };

const saidOf = async (lostMessages: number) => {
  const observation: Observation = {
    artifact: 'ulogd/gw.lab.edge/7',
    state: 'ready',
    values: { 'lab/gateway/edge': { bytes: 1, lostMessages }, 'lab/gateway/other': { lostMessages: 9 } },
  };
  const sources = {
    control: { artifacts: [], head: 1, machine: undefined, trouble: undefined },
    observer: { latest: () => Promise.resolve({ list: [observation] }) },
    feeds: () => [],
    logs: () => [{ ...line, name: 'filter/lab/edge' }],
  } as unknown as HealthSources;
  return (await healthOf(sources)).find((it) => it.part === 'filter log lab/edge');
};

test('the log of a gateway that a flood outran says what was lost, in what the kernel counts, and that counters are exact', async () => {
  expect(await saidOf(0)).toMatchObject({ state: 'ok', text: '24 lines read, 0 malformed, 0 bytes waiting' });
  expect(await saidOf(3)).toMatchObject({
    state: 'warning',
    text: expect.stringMatching(/, 3 messages of up to 32 packets each lost in a flood; counters of rules are exact$/),
  });
});
