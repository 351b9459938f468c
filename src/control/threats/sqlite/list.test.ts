import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Folding } from '../fold.ts';
import { appendOf, sightingOf, start } from '../samples.ts';
import type { ThreatStore } from '../store.ts';
import { type Severity, type Sighting, severities, type Threat, timeText } from '../threat.ts';
import { openThreatStore } from './open.ts';

const second = 1_000_000;
const scope = { project: 'lab' };

let folder: string;
let store: ThreatStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vauban-threats-'));
  store = openThreatStore(join(folder, 'threats.db'));
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const at = (seconds: number, changes: Partial<Sighting> = {}): Sighting =>
  sightingOf({ at: start + seconds * second, ...changes });

const defined = (severity: Severity, name: string = severity): Sighting['definition'] => ({
  ...sightingOf().definition,
  threatId: String(name.length * 1000 + severity.length),
  name,
  severity,
});

describe('a list', () => {
  test('is filtered by any field', async () => {
    await store.append(
      appendOf([
        at(1, {
          definition: defined('HIGH', 'Windows traversal'),
          source: { address: '10.0.0.1', port: 1, instance: 'a' },
        }),
        at(2, {
          definition: defined('LOW', 'Shell injection'),
          destination: { address: '10.0.0.2', port: 80, instance: 'a' },
        }),
        at(3, { endpoint: { ...sightingOf().endpoint, name: 'west', zone: 'us-west1-a', network: 'other' } }),
        at(4, { endpoint: { ...sightingOf().endpoint, project: 'foreign' } }),
      ]),
    );
    const seconds = async (query: object): Promise<number[]> =>
      (await store.list({ ...scope, ...query })).items.map((it) => Date.parse(it.alertTime) / 1000 - start / second);
    expect(await seconds({})).toEqual([3, 2, 1]);
    expect(await seconds({ order: 'oldest' })).toEqual([1, 2, 3]);
    expect(await seconds({ endpoint: 'west' })).toEqual([3]);
    expect(await seconds({ zone: 'us-east1-b' })).toEqual([2, 1]);
    expect(await seconds({ network: 'cloud-ids' })).toEqual([2, 1]);
    expect(await seconds({ minimumSeverity: 'HIGH' })).toEqual([3, 1]);
    expect(await seconds({ threatId: '36729' })).toEqual([3]);
    expect(await seconds({ nameContains: 'INJECT' })).toEqual([2]);
    expect(await seconds({ cve: 'CVE-2014-6271', type: 'vulnerability', category: 'code-execution' })).toEqual([
      3, 2, 1,
    ]);
    expect(await seconds({ cve: 'CVE-1' })).toEqual([]);
    expect(await seconds({ source: '10.0.0.1' })).toEqual([1]);
    expect(await seconds({ destination: '10.0.0.2' })).toEqual([2]);
    expect(await seconds({ instance: 'a' })).toEqual([2, 1]);
    expect(await seconds({ instance: 'a', minimumSeverity: 'HIGH' })).toEqual([1]);
    expect(await seconds({ instance: 'nobody' })).toEqual([]);
    expect(await seconds({ from: timeText(start + 2 * second), to: timeText(start + 3 * second) })).toEqual([2]);
    expect(await seconds({ project: 'foreign' })).toEqual([4]);
    expect(await seconds({ project: 'none' })).toEqual([]);
  });

  test('refuses what is no time and no token', async () => {
    await expect(store.list({ ...scope, from: 'yesterday' })).rejects.toThrow('not a time');
    await expect(store.list({ ...scope, pageToken: 'x' })).rejects.toThrow('no token');
  });

  test('walks through pages in either order without a gap or a repeat, and equals plain filtering', async () => {
    const row = fc.record({
      second: fc.integer({ min: 0, max: 20 }),
      severity: fc.constantFrom(...severities),
      name: fc.constantFrom('alpha', 'beta', 'alphabet'),
      host: fc.integer({ min: 1, max: 3 }),
      endpoint: fc.constantFrom('east', 'west'),
      side: fc.constantFrom('sent' as const, 'received' as const),
    });
    const query = fc.record(
      {
        minimumSeverity: fc.constantFrom(...severities),
        nameContains: fc.constantFrom('alpha', 'bet', 'x'),
        source: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.9'),
        instance: fc.constantFrom('host-1', 'server'),
        endpoint: fc.constantFrom('east', 'west'),
        from: fc.integer({ min: 0, max: 20 }).map((n) => timeText(start + n * second)),
        to: fc.integer({ min: 0, max: 20 }).map((n) => timeText(start + n * second)),
        order: fc.constantFrom('newest' as const, 'oldest' as const),
        fold: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 40 }),
        query,
        fc.integer({ min: 1, max: 7 }),
        async (rows, asked, limit) => {
          const other = openThreatStore(':memory:');
          const sightings = rows.map((it) =>
            at(it.second, {
              definition: defined(it.severity, it.name),
              endpoint: { ...sightingOf().endpoint, name: it.endpoint },
              source: { address: `10.0.0.${it.host}`, port: 1, instance: `host-${it.host}` },
              seenAt: it.side,
            }),
          );
          await other.append(appendOf([], { folded: new Folding().take(sightings) }));
          const all = (await other.list({ ...scope, fold: false, limit: 1000 })).items;
          const wanted = all.filter((it) => fits(it, asked)).map((it) => it.id);
          const got: string[] = [];
          let pageToken: string | undefined;
          do {
            const page = await other.list({
              ...scope,
              ...asked,
              limit,
              ...(pageToken === undefined ? {} : { pageToken }),
            });
            expect(page.items.length).toBeLessThanOrEqual(limit);
            got.push(...page.items.map((it) => it.id));
            pageToken = page.nextPageToken;
          } while (pageToken !== undefined && got.length < 1000);
          expect(got).toEqual(asked.order === 'oldest' ? wanted.toReversed() : wanted);
          await other.close();
        },
      ),
      { numRuns: 60 },
    );
  });
});

function fits(
  it: Threat,
  asked: {
    minimumSeverity?: Severity;
    nameContains?: string;
    source?: string;
    instance?: string;
    endpoint?: string;
    from?: string;
    to?: string;
    fold?: boolean;
  },
): boolean {
  return (
    severities.indexOf(it.severity) >= severities.indexOf(asked.minimumSeverity ?? 'INFORMATIONAL') &&
    it.name.includes(asked.nameContains ?? '') &&
    it.source.address === (asked.source ?? it.source.address) &&
    (asked.instance === undefined ||
      it.source.instance === asked.instance ||
      it.destination.instance === asked.instance) &&
    it.endpoint === (asked.endpoint ?? it.endpoint) &&
    it.alertTime >= (asked.from ?? '') &&
    it.alertTime < (asked.to ?? '9') &&
    (asked.fold === false || !it.folded)
  );
}

describe('counts', () => {
  const day = 86_400 * second;

  test('equal a recount for any range, through sums and edges, before and after old threats were deleted', async () => {
    // Rows over four days, many at the borders of days, hours and minutes.
    const offset = fc.oneof(
      fc.integer({ min: 0, max: 4 * day }),
      fc
        .tuple(fc.integer({ min: 0, max: 96 }), fc.integer({ min: -2, max: 2 }))
        .map(([hour, edge]) => Math.max(0, hour * 3600 * second + edge)),
    );
    const midnight = Math.ceil(start / day) * day;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(offset, fc.constantFrom(...severities)), { maxLength: 60 }),
        fc.tuple(offset, offset),
        fc.integer({ min: 0, max: 30 }),
        async (rows, [a, b], deleted) => {
          const other = openThreatStore(':memory:');
          await other.append(
            appendOf(rows.map(([n, severity]) => sightingOf({ at: midnight + n, definition: defined(severity) }))),
          );
          await other.retain({ threats: Math.max(0, rows.length - deleted) });
          const range = { from: timeText(midnight + Math.min(a, b)), to: timeText(midnight + Math.max(a, b)) };
          const { items } = await other.list({ ...scope, ...range, limit: 1000 });
          const counts = await other.counts({ ...scope, ...range });
          for (const severity of severities) {
            expect(counts[severity]).toBe(items.filter((it) => it.severity === severity).length);
          }
          const names = await other.topNames({ ...scope, ...range });
          expect(names.reduce((sum, it) => sum + it.count, 0)).toBe(items.length);
          const whole = await other.timeline({
            ...scope,
            from: timeText(midnight),
            to: timeText(midnight + 5 * day),
            step: 60,
          });
          const total = whole.reduce((sum, it) => sum + Object.values(it.counts).reduce((x, y) => x + y, 0), 0);
          expect(total).toBe((await other.list({ ...scope, limit: 1000 })).items.length);
          await other.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  test('of names come largest first', async () => {
    await store.append(appendOf([at(0), at(1, { definition: defined('LOW', 'Shell') }), at(2)]));
    expect(await store.topNames({ ...scope, limit: 1 })).toEqual([
      { threatId: '36729', name: 'Bash Remote Code Execution Vulnerability', severity: 'CRITICAL', count: 2 },
    ]);
  });

  test('over time have a slot for every step, and refuse too many', async () => {
    await store.append(appendOf([at(0), at(61)]));
    const range = { from: timeText(start), to: timeText(start + 180 * second) };
    const slots = await store.timeline({ ...scope, ...range, step: 1 });
    expect(slots.map((it) => [it.at.slice(11, 16), it.counts.CRITICAL])).toEqual([
      ['22:13', 1],
      ['22:14', 1],
      ['22:15', 0],
      ['22:16', 0],
    ]);
    await expect(store.timeline({ ...scope, from: timeText(0), to: range.to, step: 1 })).rejects.toThrow('2000');
    await expect(store.timeline({ ...scope, ...range, step: 0.5 })).rejects.toThrow();
  });
});
