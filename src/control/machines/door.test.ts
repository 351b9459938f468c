import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { digestOfAll } from '#core/artifact.ts';
import { HOST_CONTRACT } from '#core/host.ts';
import { dial } from '#host/dial.ts';
import { enrol } from '#host/enrol.ts';
import { ownCertificate } from '#host/own-certificate.ts';
import { answerer } from '#host/server.ts';
import { imaginedWorld } from '#host/world.fixture.ts';
import { deposit, newToken, opened, proofOf } from '#lib/token-box.ts';
import { openDatabase } from '../store/database.ts';
import { Door, type MachineEvent } from './door.ts';
import { Members } from './members.ts';

/** Real TLS over loopback, and a host agent of the imagination behind it. */

const folder = mkdtempSync(`${tmpdir()}/vauban-door-`);
const certificates: { readonly key: string; readonly certificate: string }[] = [];
const ends: (() => void)[] = [];

beforeAll(async () => {
  for (const name of ['control', 'b', 'c'])
    certificates.push(
      await ownCertificate({ key: `${folder}/${name}.key`, certificate: `${folder}/${name}.crt` }, name),
    );
  return () => rmSync(folder, { recursive: true, force: true });
});

afterEach(() => {
  for (const end of ends.splice(0).toReversed()) end();
});

const certificateOf = (index: number) => {
  const it = certificates[index];
  if (it === undefined) throw new Error('no such certificate');
  return it;
};

async function setup(needed: readonly string[] = []) {
  let time = Date.now();
  const members = new Members(openDatabase(':memory:'), () => new Date(time));
  const events: MachineEvent[] = [];
  const door = new Door({
    ...{ members, ...certificateOf(0), log: () => {}, now: () => time, tell: (it) => events.push(it) },
    isNeeded: (name) => needed.includes(name),
  });
  const place = { ...(await door.open({ address: '127.0.0.1', port: 0 })), fingerprint: door.fingerprint };
  ends.push(() => door.close());
  const invite = (machine: string): string => {
    const token = newToken();
    members.offer({ machine, ...deposit(token, 'the opening key') });
    return token;
  };
  const join = (machine: string, token: string, index = 1) =>
    enrol({ door: place, ...certificateOf(index) }, { type: 'join', machine, proof: proofOf(token) });
  const connect = async (index = 1, contract = HOST_CONTRACT) => {
    const world = imaginedWorld();
    const holder = world.agent();
    await holder.start();
    const trouble: (string | undefined)[] = [];
    ends.push(
      dial({
        ...{ membership: { machine: 'b', door: place }, ...certificateOf(index) },
        answer: answerer({
          ...{ holder, hello: { contract, version: '9.9.9', deployment: 'abcd' } },
          ...{ reset: async () => {}, onProgress: () => () => {} },
        }),
        onLine: (it) => trouble.push(it),
      }),
    );
    return { world, holder, trouble };
  };
  const remote = () => {
    const it = door.remotes()[0];
    if (it === undefined) throw new Error('nobody has joined');
    return it;
  };
  const connected = () => vi.waitFor(() => expect(door.seen()[0]?.connected).toBe(true), { timeout: 20_000 });
  return {
    ...{ members, door, place, events, invite, join, connect, connected, remote },
    pass: (milliseconds: number) => {
      time += milliseconds;
    },
  };
}

test('whoever has the token gets the box that it opens, once', async () => {
  const { members, invite, join } = await setup();
  const token = invite('b');
  const answer = await join('b', token);
  expect(answer.type === 'joined' && opened(token, answer.box)).toBe('the opening key');
  expect(members.list().map((it) => it.name)).toEqual(['b']);
  await expect(join('b', token, 2)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
});

test('who joins, leaves or is refused is told for the audit log', async () => {
  const { events, place, invite, join } = await setup(['c']);
  const leave = (force: boolean, index: number) =>
    enrol({ door: place, ...certificateOf(index) }, { type: 'leave', force });
  await join('b', newToken()).catch(() => {});
  await join('b', invite('b'));
  await join('c', invite('c'), 2);
  await leave(false, 2).catch(() => {});
  await leave(false, 1);
  const [address, isKnown] = ['127.0.0.1', true];
  expect(events).toEqual([
    { deed: 'join', machine: 'b', address, isKnown: false, refused: expect.stringContaining('does not count') },
    { deed: 'join', machine: 'b', address, isKnown },
    { deed: 'join', machine: 'c', address, isKnown },
    { deed: 'leave', machine: 'c', address, isKnown, refused: 'something of the site stands on c' },
    { deed: 'leave', machine: 'b', address, isKnown },
  ]);
});

test('another token, another name and a token of a quarter of an hour ago are refused', async () => {
  const { members, invite, join, pass } = await setup();
  const token = invite('b');
  await expect(join('b', newToken())).rejects.toThrow('the token does not count');
  await expect(join('c', token)).rejects.toThrow('the token does not count');
  pass(15 * 60_000);
  await expect(join('b', token)).rejects.toThrow('the token does not count');
  expect(members.list()).toEqual([]);
});

test('whoever tries tokens is kept waiting', async () => {
  const { invite, join } = await setup();
  const token = invite('b');
  for (let tries = 0; tries < 10; tries++) await join('b', newToken()).catch(() => {});
  await expect(join('b', token)).rejects.toThrow('too many attempts');
});

test('a token is shown to nobody but the one whom it names', async () => {
  const { place, invite, members } = await setup();
  const token = invite('b');
  const asked = enrol(
    { door: { ...place, fingerprint: 'A'.repeat(43) }, ...certificateOf(1) },
    { type: 'join', machine: 'b', proof: proofOf(token) },
  );
  await expect(asked).rejects.toThrow('somebody else answers there');
  expect(members.list()).toEqual([]);
});

test('a machine that has joined holds what control says, over the line that it dialled', async () => {
  const { invite, join, connect, connected, remote, door } = await setup();
  await join('b', invite('b'));
  const { world } = await connect();
  await connected();
  expect(remote().trouble).toBeUndefined();
  expect(door.seen()[0]).toMatchObject({ name: 'b', version: '9.9.9', address: '127.0.0.1' });
  const artifacts = [{ id: 'one', engine: 'plain', owners: [], needs: [], input: { text: 'x', place: '' } }];
  const { link } = remote();
  await link.hold({ revision: 7, artifacts }, () => {});
  expect([...world.things.keys()]).toEqual(['one']);
  expect(await link.status()).toMatchObject({ revision: 7, digest: digestOfAll(artifacts) });
  const wrong = artifacts.map((it) => ({ ...it, engine: 'none' }));
  await expect(link.hold({ revision: 8, artifacts: wrong }, () => {})).rejects.toMatchObject({ at: 'one' });
});

test('a machine that lost its line dials again; what it holds stays', async () => {
  const { invite, join, connect, connected, remote, door } = await setup();
  await join('b', invite('b'));
  const { world } = await connect();
  await connected();
  const artifacts = [{ id: 'one', engine: 'plain', owners: [], needs: [], input: { text: 'x', place: '' } }];
  await remote().link.hold({ revision: 7, artifacts }, () => {});
  door.drop('b');
  await vi.waitFor(() => expect(door.seen()[0]?.connected).toBe(false), { timeout: 20_000 });
  expect(remote().trouble).toContain('not connected since');
  await expect(remote().link.status()).rejects.toMatchObject({ code: 'HOST_UNREACHABLE' });
  expect([...world.things.keys()]).toEqual(['one']);
  await connected();
  expect(await remote().link.status()).toMatchObject({ revision: 7 });
});

test('a certificate that has not joined, or was taken back, gets no question', async () => {
  const { invite, join, connect, connected, members, door } = await setup();
  await join('b', invite('b'));
  const stranger = await connect(2);
  await vi.waitFor(() => expect(stranger.trouble.length).toBeGreaterThan(1), { timeout: 20_000 });
  expect(door.seen()[0]?.connected).toBe(false);
  const known = await connect();
  await connected();
  members.remove('b');
  door.drop('b');
  const before = known.trouble.length;
  await vi.waitFor(() => expect(known.trouble.length).toBeGreaterThan(before + 2), { timeout: 20_000 });
  expect(known.trouble.slice(before).every((it) => it !== undefined)).toBe(true);
});

test('a machine with another version of the contract is told apart, in words, and asked for nothing', async () => {
  const { invite, join, connect, connected, remote } = await setup();
  await join('b', invite('b'));
  await connect(1, HOST_CONTRACT + 1);
  await connected();
  expect(remote().trouble).toContain(`speaks version ${HOST_CONTRACT + 1} of the host contract`);
});

test('a machine leaves when nothing stands on it, or by force', async () => {
  const { invite, join, place, members } = await setup(['b']);
  await join('b', invite('b'));
  const leave = (force: boolean) => enrol({ door: place, ...certificateOf(1) }, { type: 'leave', force });
  await expect(leave(false)).rejects.toThrow('something of the site stands on b');
  expect(await leave(true)).toEqual({ type: 'left' });
  expect(members.list()).toEqual([]);
});
