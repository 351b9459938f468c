import { expect, test } from 'vitest';
import { type Hearing, hear, nothingHeard } from './hearing.ts';
import { decode, encode, type Heartbeat, LARGEST } from './heartbeat.ts';

const secret = 'known to both nodes and nobody else';
const heartbeat = (changes: Partial<Heartbeat> = {}): Heartbeat => ({
  cluster: 'lab',
  node: 'second',
  life: 500,
  number: 1,
  sent: 10,
  to: 900,
  report: {
    role: 'standby',
    priority: 100,
    yielding: false,
    able: true,
    wants: false,
    forced: 'automatic',
    maintenance: false,
    reach: { lan: 'good' },
    lately: [],
  },
  hashes: { filter: 'abc' },
  version: '0.1.0',
  ...changes,
});

/** What is believed after some heartbeats, or `refused` when the last was. */
const after = (...list: readonly Heartbeat[]): Hearing | 'refused' => {
  let known = nothingHeard(900);
  let last: Hearing | 'refused' = known;
  for (const it of list) {
    last = hear(known, it, 'link', 20);
    if (last !== 'refused') known = last;
  }
  return last;
};

test('a heartbeat comes through as it was sent, and only with the secret and on its own way', () => {
  const datagram = encode(heartbeat(), 'link', secret);
  expect(decode(datagram, 'link', secret)).toEqual(heartbeat());
  expect(decode(datagram, 'traffic', secret)).toBe(undefined);
  expect(decode(datagram, 'link', `${secret}!`)).toBe(undefined);
});

test('of a member with another version what both know is understood; what only a newer one says is not looked at', () => {
  const newer = {
    ...heartbeat({ version: '9.9.9' }),
    mood: 'good',
    report: { ...heartbeat().report, temperature: 40 },
  };
  expect(decode(encode(newer, 'link', secret), 'link', secret)).toEqual(heartbeat({ version: '9.9.9' }));
});

test('a heartbeat whose meaning has changed in a newer version is no heartbeat', () => {
  const strange = { ...heartbeat(), report: { ...heartbeat().report, role: 'half-active' } };
  expect(decode(encode(strange as never, 'link', secret), 'link', secret)).toBe(undefined);
});

test('no datagram of a stranger is understood, whatever is in it', () => {
  const datagram = encode(heartbeat(), 'link', secret);
  for (let at = 0; at < datagram.length; at++) {
    const forged = Buffer.from(datagram);
    forged[at] = (forged[at] ?? 0) ^ 1;
    expect(decode(forged, 'link', secret)).toBe(undefined);
  }
  for (const size of [0, 1, 31, 32, 33, LARGEST + 1])
    expect(decode(Buffer.alloc(size), 'link', secret)).toBe(undefined);
});

test('a report counts when it is addressed to this very life of the receiver', () => {
  expect(after(heartbeat())).toMatchObject({ peer: 500, newest: { number: 1 } });
  const stranger = after(heartbeat({ to: 899 }));
  expect(stranger).toMatchObject({ peer: undefined, newest: undefined, to: 500 });
});

test('what was recorded is refused: the same again, an older one, and one of an earlier life', () => {
  expect(after(heartbeat({ number: 5 }), heartbeat({ number: 5 }))).toBe('refused');
  expect(after(heartbeat({ number: 5 }), heartbeat({ number: 4 }))).toBe('refused');
  expect(after(heartbeat({ life: 500 }), heartbeat({ life: 499, number: 9 }))).toBe('refused');
  expect(after(heartbeat({ life: 500 }), heartbeat({ life: 499, to: 0, number: 9 }))).toBe('refused');
});

test('a new life of the other is heard from its first heartbeat on', () => {
  expect(after(heartbeat({ number: 1000 }), heartbeat({ life: 501, number: 1 }))).toMatchObject({ peer: 501 });
});

test('the round trip does not count the time that the other took', () => {
  expect(after(heartbeat({ echo: { life: 900, sent: 4, heldMs: 15 } }))).toMatchObject({
    last: { link: { roundTripMs: 1 } },
  });
});
