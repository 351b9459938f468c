import type { SSEStreamingApi } from 'hono/streaming';
import { expect, test } from 'vitest';
import type { ThreatChange } from '#control/threats/change.ts';
import type { Threat } from '#control/threats/threat.ts';
import type { ApiParts } from './context.ts';
import { streamThreats } from './threat-stream.ts';

const threat = (id: string, repeatCount = 1): Threat =>
  ({ id, project: 'lab', repeatCount, folded: false, payload: { base64: 'AA==', truncated: false } }) as Threat;

const changed = (id: string, project = 'lab'): ThreatChange => ({
  kind: 'changed',
  id,
  project,
  endpoint: 'east',
  repeatCount: 2,
  firstSeen: '',
  lastSeen: '',
  folded: false,
});

test('a new threat is told at once; a hundred repetitions are one update, and another project hears nothing', async () => {
  const heard: { event: string; threat: Threat }[] = [];
  let abort = (): void => {};
  const stream = {
    aborted: false,
    onAbort: (listener: () => void) => {
      abort = listener;
    },
    writeSSE: async (it: { event: string; data: string }) => {
      if (it.event !== 'beat') heard.push({ event: it.event, threat: JSON.parse(it.data) as Threat });
    },
  };
  let tell = (_: ThreatChange): void => {};
  const parts = {
    onThreat: (listener: typeof tell) => {
      tell = listener;
      return () => {
        tell = () => {};
      };
    },
    threats: { get: async (id: string) => (id === 'gone' ? undefined : threat(id, 101)) },
  };
  const streaming = streamThreats(stream as unknown as SSEStreamingApi, parts as unknown as ApiParts, {
    project: 'lab',
    wanted: (it) => it.id !== 'hidden',
  });
  const opened: ThreatChange = { kind: 'opened', threat: threat('a') };
  tell(opened);
  tell({ kind: 'opened', threat: { ...threat('b'), project: 'other' } });
  for (let i = 0; i < 100; i++) for (const id of ['a', 'hidden', 'gone']) tell(changed(id));
  tell(changed('b', 'other'));
  await expect.poll(() => heard.length, { timeout: 5000 }).toBe(2);
  expect(heard.map((it) => [it.event, it.threat.id, it.threat.repeatCount])).toEqual([
    ['threat', 'a', 1],
    ['update', 'a', 101],
  ]);
  expect(heard[1]?.threat).not.toHaveProperty('payload');
  stream.aborted = true;
  abort();
  await streaming;
});
