import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Memory, type MemoryPlaces, SLOT } from './memory.ts';
import { addToMap, type Command, setInTable, UnsafeWord } from './runtime/command.ts';

const places: MemoryPlaces = {
  ...{ even: 'even', odd: 'odd', people: 'people', services: 'services' },
  ...{ table: 'sessions', running: 'running' },
};

/** What HAProxy 2.6 does with our commands, and finds by our rules. */
class Model {
  readonly maps = new Map<string, [string, string][]>(['even', 'odd', 'people', 'services'].map((it) => [it, []]));
  readonly table = new Map<string, string>();

  run = (command: Command): void => {
    const [head = '', ...lines] = command.trimEnd().split('\n');
    const [verb, noun, name = '', ...rest] = head.split(' ');
    const map = this.maps.get(name) ?? [];
    if (verb === 'add' && noun === 'map') {
      for (const line of lines) {
        const [key = '', value = ''] = line.split(' ');
        map.push([key, value]);
      }
    } else if (verb === 'set' && noun === 'map') {
      const at = map.findIndex(([key]) => key === rest[0]);
      if (at >= 0) map[at] = [rest[0] ?? '', rest[1] ?? ''];
      else map.push([rest[0] ?? '', rest[1] ?? '']);
    } else if (verb === 'clear' && noun === 'map') map.splice(0);
    else if (verb === 'clear' && noun === 'table' && rest[0] === 'key') this.table.delete(rest[1] ?? '');
    else if (verb === 'clear' && noun === 'table') this.table.clear();
    else if (verb === 'set' && noun === 'table') this.table.set(rest[1] ?? '', rest[3] ?? '');
    else throw new Error(`what is ${command}?`);
  };

  pusher = {
    push: (commands: readonly Command[]) => commands.forEach(this.run),
    broadcast: (commands: readonly Command[]) => commands.forEach(this.run),
  };

  /** The first entry of a key hides all others of it. */
  look(name: string, key: string): string | undefined {
    return this.maps.get(name)?.find(([it]) => it === key)?.[1];
  }

  /** The assertion that a request would be sent on with. */
  hit(credential: string, service: string, now: number): string | undefined {
    const key = `${credential}|${this.look('services', service) ?? '0'}|${this.table.get(credential) ?? '0'}`;
    for (const map of ['even', 'odd']) {
      const entry = this.look(map, key);
      if (entry !== undefined && Math.floor(now / 1000) < Number(entry.slice(0, 10))) return entry.slice(11);
    }
    return undefined;
  }
}

const start = 1_800_000_000_000 - (1_800_000_000_000 % SLOT) + 1000;
const [one, other] = ['a'.repeat(43), 'b'.repeat(43)];
const flushed = () => new Promise((done) => setImmediate(done));

function world() {
  const model = new Model();
  let now = start;
  const memory = new Memory({ pusher: model.pusher, places, now: () => now });
  for (const it of ['web', 'api']) memory.renew(it, '');
  const remember = (credential: string, service: string, assertion: string, more = {}) =>
    memory.remember({
      ...{ credential, assertion, begun: memory.begin(), shape: 'session', extra: '', until: Number.POSITIVE_INFINITY },
      ...{ epoch: model.look('services', service) ?? '', email: 'a@example.com', id: '1', ...more },
    });
  return {
    model,
    memory,
    remember,
    now: () => now,
    wait: (by: number) => {
      now += by;
      memory.tick();
    },
  };
}

test('what was decided is found for four to eight minutes, and not a moment longer', async () => {
  const { model, remember, now, wait } = world();
  remember(one, 'web', 'first');
  await flushed();
  expect(model.hit(one, 'web', now())).toBe('first');
  expect(model.hit(one, 'api', now())).toBeUndefined();
  expect(model.hit(other, 'web', now())).toBeUndefined();
  wait(SLOT - 1000);
  expect(model.hit(one, 'web', now())).toBe('first');
  wait(SLOT);
  expect(model.hit(one, 'web', now())).toBeUndefined();
});

test('a new decision is found although a lapsed one of the same key is still there', async () => {
  const { model, remember, now, wait } = world();
  for (let round = 0; round < 20; round++) {
    remember(one, 'web', `decision-${round}`);
    await flushed();
    expect(model.hit(one, 'web', now())).toBeDefined();
    wait(SLOT / 3);
  }
  expect(model.maps.get('even')?.length).toBeLessThan(5);
});

test('a session that was forgotten does not come back to life by its next decision about another service', async () => {
  const { model, memory, remember, now } = world();
  remember(one, 'web', 'as-a-member');
  remember(one, 'api', 'as-a-member');
  await flushed();
  memory.forget([one]);
  remember(one, 'api', 'without-the-group');
  await flushed();
  expect(model.hit(one, 'web', now())).toBeUndefined();
  expect(model.hit(one, 'api', now())).toBe('without-the-group');
});

test('what was under way when a session was forgotten is not remembered', async () => {
  const { model, memory, remember, now } = world();
  const begun = memory.begin();
  memory.forget([one]);
  remember(one, 'web', 'late', { begun });
  remember(other, 'web', 'not-concerned', { begun });
  await flushed();
  expect([model.hit(one, 'web', now()), model.hit(other, 'web', now())]).toEqual([undefined, 'not-concerned']);
});

test('what may change by itself soon, and names that HAProxy would misread, are not remembered', async () => {
  const { model, remember, now } = world();
  remember(one, 'web', 'until-lunch', { until: start + 60_000 });
  remember(one, 'web', 'x', { email: 'a|b@example.com' });
  remember(one, 'web', 'x', { email: 'a b@example.com' });
  remember(one, 'web', 'x', { id: '1;2' });
  await flushed();
  expect(model.hit(one, 'web', now())).toBeUndefined();
});

test('one session fills a map with a bounded number of addresses and paths', async () => {
  const { model, remember } = world();
  for (let path = 0; path < 1000; path++)
    remember(one, 'web', 'x', { shape: 'path', extra: `${path}`.padStart(43, 'x') });
  await flushed();
  expect(model.maps.get('even')?.length ?? 0).toBeLessThanOrEqual(256);
});

describe('a clock that steps', () => {
  test('forwards by hours: nothing outlives its time, and what is decided then is found', async () => {
    const { model, remember, now, wait } = world();
    remember(one, 'web', 'before');
    await flushed();
    wait(3_600_000 * 5);
    expect(model.hit(one, 'web', now())).toBeUndefined();
    remember(one, 'web', 'after');
    await flushed();
    expect(model.hit(one, 'web', now())).toBe('after');
  });

  test('backwards: cleared, so that nothing is remembered for longer than ever', async () => {
    const { model, memory, remember, now, wait } = world();
    remember(one, 'web', 'before');
    await flushed();
    wait(-3_600_000);
    memory.clear();
    expect(model.hit(one, 'web', now())).toBeUndefined();
    remember(one, 'web', 'after');
    await flushed();
    expect(model.hit(one, 'web', now())).toBe('after');
    wait(2 * SLOT);
    expect(model.hit(one, 'web', now())).toBeUndefined();
  });
});

test('whatever happens in whatever order, HAProxy finds only what was decided since, and always what was decided last', async () => {
  const session = fc.constantFrom(one, other);
  const service = fc.constantFrom('web', 'api');
  const step = fc.oneof(
    fc.record({ do: fc.constant('decide' as const), session, service }),
    fc.record({ do: fc.constant('forget' as const), session }),
    fc.record({ do: fc.constant('renew' as const), service }),
    fc.record({ do: fc.constant('wait' as const), by: fc.integer({ min: 0, max: SLOT * 2 }) }),
    fc.constant({ do: 'restart' as const }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { model, memory, remember, now, wait } = world();
      /** Decisions that still count, and when they were made. */
      const valid = new Map<string, { readonly at: number; readonly all: Set<string> }>();
      let count = 0;
      for (const it of steps) {
        if (it.do === 'wait') wait(it.by);
        if (it.do === 'forget') {
          memory.forget([it.session]);
          for (const key of [...valid.keys()]) if (key.startsWith(it.session)) valid.delete(key);
        }
        if (it.do === 'renew') {
          memory.renew(it.service, '');
          for (const key of [...valid.keys()]) if (key.endsWith(it.service)) valid.delete(key);
        }
        if (it.do === 'restart') {
          for (const map of model.maps.values()) map.splice(0);
          model.table.clear();
          memory.greet(model.run);
          valid.clear();
        }
        if (it.do === 'decide') {
          const name = `d${count++}`;
          remember(it.session, it.service, name);
          await flushed();
          const key = `${it.session} ${it.service}`;
          valid.set(key, { at: now(), all: new Set([...(valid.get(key)?.all ?? []), name]) });
          expect(model.hit(it.session, it.service, now())).toBeDefined();
        }
        for (const credential of [one, other]) {
          for (const name of ['web', 'api']) {
            const hit = model.hit(credential, name, now());
            const known = valid.get(`${credential} ${name}`);
            if (hit === undefined) continue;
            expect(known?.all).toContain(hit);
            expect(now() - (known?.at ?? 0)).toBeLessThan(2 * SLOT);
          }
        }
      }
    }),
    { numRuns: 200 },
  );
});

describe('commands', () => {
  test('stay far below HAProxy’s buffer, whatever is added', () => {
    const pairs = Array.from({ length: 500 }, (_, at) => [`key-${at}`, 'v'.repeat(600)] as const);
    const commands = addToMap('even', pairs);
    expect(Math.max(...commands.map((it) => it.length))).toBeLessThan(14_000);
    expect(commands.join('').match(/key-\d+ /g)).toHaveLength(500);
    expect(addToMap('even', [])).toEqual([]);
  });

  test('no text makes another command of one', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: 'binary' }), (key, value) => {
        try {
          for (const it of [...addToMap('m', [[key, value]]), setInTable('t', key, 1)]) {
            expect(it.split('\n')[0]).not.toMatch(/[;\\]|<<./);
            expect(it.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
          }
        } catch (error) {
          if (!(error instanceof UnsafeWord)) throw error;
        }
      }),
    );
  });
});

test('whatever is remembered for somebody is found by their address, and by nobody else’s', async () => {
  const { model, memory, remember, now } = world();
  remember(one, 'web', 'by-a-token');
  remember(other, 'web', 'of-somebody-else', { email: 'a@example.com.evil.example', id: '2' });
  await flushed();
  expect(memory.credentialsOf('a@example.com')).toEqual([one]);
  memory.forget(memory.credentialsOf('a@example.com'));
  expect(model.hit(one, 'web', now())).toBeUndefined();
  expect(model.hit(other, 'web', now())).toBe('of-somebody-else');
});
