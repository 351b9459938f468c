import { expect, test } from 'vitest';
import type { VpnFile } from '#engines/openvpn/input.ts';
import type { Admitted, Verdict } from './edge.ts';
import type { VpnEvent } from './events.ts';
import type { ClientEvent } from './management.ts';
import { type RightsOf, VpnServer } from './server.ts';
import type { Session } from './session.ts';

const file: VpnFile = {
  ...{ namespace: 'gw.lab.gw', server: 'lab/sslVpnServer/staff' },
  listeners: [{ transport: 'udp', port: 1194, network: '10.60.77.0/29' }],
  ...{ routes: ['10.200.0.0/16'], dnsServers: [], fullTunnel: false, sessions: 4, sessionsPerPerson: 2 },
  requiresCertificate: false,
  ...{ pingSeconds: 5, timeoutSeconds: 20, run: '/run', edgeSocket: '/run/edge', crl: '/run/crl' },
};

const strict: VpnFile = { ...file, requiresCertificate: true };

const admitted = (email: string): Admitted => ({
  person: { email, subject: `s:${email}`, groups: [] },
  grants: [{ set: 'lab/sslVpnServer/staff/rights', networks: ['10.200.0.0/16'] }],
  networks: ['10.200.0.0/16'],
});
const wrong: Verdict = { refused: 'wrong-password', reason: 'no' };
const noRight: Verdict = { refused: 'no-right', reason: 'not any more' };
const away: Verdict = { refused: 'unavailable', reason: 'away' };

/** Everything around a server that it can tell or ask, written down. */
class World {
  readonly said: string[] = [];
  readonly events: VpnEvent[] = [];
  readonly later: (() => void)[] = [];
  readonly held = new Map<string, RightsOf>();
  time = 1000;
  verdict: (email: string) => Verdict | Promise<Verdict> = admitted;
  enforces = true;
  sessions: Session[] = [];
  file = file;
  #server: VpnServer | undefined;

  get server(): VpnServer {
    this.#server ??= new VpnServer({
      file: () => this.file,
      edge: {
        authenticate: async ({ username, password }) => (password === 'right' ? this.verdict(username) : wrong),
        rights: async (email) => this.verdict(email),
      },
      rights: {
        set: async (holder, it) => {
          if (!this.enforces) throw new RangeError('no kernel');
          if (it === undefined) this.held.delete(holder);
          else this.held.set(holder, it);
        },
        replace: async (all) => {
          this.held.clear();
          for (const [holder, it] of all) this.held.set(holder, it);
        },
      },
      command: async (_, text) => {
        this.said.push(text);
        return { ok: true, text: '' };
      },
      ...{ sessions: this.sessions, addresses: new Map(), keep: () => undefined },
      tell: (it) => this.events.push(it),
      now: () => this.time++,
      soon: (work) => this.later.push(work),
    });
    return this.#server;
  }

  async event(event: ClientEvent['event'], cid: number, env: Readonly<Record<string, string>> = {}): Promise<void> {
    this.server.heard('udp', { kind: 'client', event, cid, kid: 1, env: new Map(Object.entries(env)) });
    await settled();
  }

  login(cid: number, username: string, more: Readonly<Record<string, string>> = {}): Promise<void> {
    return this.event('CONNECT', cid, { username, password: 'right', session_state: 'Initial', ...more });
  }

  attach(rows: readonly string[] = []): Promise<void> {
    const titles = ['HEADER', 'CLIENT_LIST', 'Real Address', 'Virtual Address', 'Username', 'Client ID'];
    const lines = [titles.join('\t'), ...rows.map((it) => `CLIENT_LIST\t${it.replaceAll(' ', '\t')}`)];
    return this.server.attached('udp', { command: async () => ({ ok: true, text: '', lines }) });
  }
}

const settled = (): Promise<void> => new Promise((done) => setTimeout(done, 5));
const names = (world: World): string[] => world.server.sessions.map((it) => it.email).sort();

test('whoever is let in has rights before being told, and loses them on leaving', async () => {
  const world = new World();
  await world.login(0, 'alice@example.com');
  const [session] = world.server.sessions;
  expect(world.held.get('udp-0')).toMatchObject({ person: 'alice@example.com', address: session?.address });
  expect(world.said[0]).toMatch(/^client-auth 0 1\nifconfig-push 10\.60\.77\.\d 255\.255\.255\.248\n[\s\S]*\nEND$/);
  await world.event('DISCONNECT', 0, { bytes_received: '10', bytes_sent: '20' });
  expect(world.held.size).toBe(0);
  expect(world.events.map((it) => it.event)).toEqual(['connected', 'disconnected']);
  expect(world.events[1]).toMatchObject({ session: { received: 10, sent: 20 } });
});

test('nobody comes in by a wrong password, by rights that cannot be enforced, or while nobody can be asked', async () => {
  const world = new World();
  await world.event('CONNECT', 0, { username: 'alice@example.com', password: 'wrong' });
  world.enforces = false;
  await world.login(1, 'alice@example.com');
  world.enforces = true;
  world.verdict = () => away;
  await world.login(2, 'alice@example.com');
  expect(world.said).toEqual([
    expect.stringMatching(/^client-deny 0 1 "wrong-password" "[^"]+"$/),
    expect.stringMatching(/^client-deny 1 1 "unavailable" "TEMP\[/),
    expect.stringMatching(/^client-deny 2 1 "unavailable" "TEMP\[/),
  ]);
  expect([world.server.sessions, world.held.size]).toEqual([[], 0]);
});

test('a client that left while it was judged is not let in', async () => {
  const world = new World();
  let answer: (it: Verdict) => void = () => undefined;
  world.verdict = () => new Promise((done) => (answer = done));
  await world.login(0, 'alice@example.com');
  await world.event('DISCONNECT', 0);
  answer(admitted('alice@example.com'));
  await settled();
  expect([world.said, world.server.sessions, world.held.size]).toEqual([[], [], 0]);
});

test('the late end of an old connection takes nothing from the one that came after it', async () => {
  const world = new World();
  await world.login(0, 'alice@example.com', { session_id: 'laptop' });
  const [first] = world.server.sessions;
  await world.login(1, 'alice@example.com', { session_id: 'laptop', session_state: 'Authenticated' });
  expect(world.said).toContain('client-kill 0 "RESTART"');
  await world.event('DISCONNECT', 0);
  expect(world.server.sessions).toMatchObject([{ cid: 1, address: first?.address }]);
  expect([...world.held.keys()]).toEqual(['udp-1']);
});

test('a token lets back in whoever still has the right, and asks for no password', async () => {
  const world = new World();
  const back = (cid: number, state: string) =>
    world.event('CONNECT', cid, { username: 'alice@example.com', password: 'SESS_ID_AT_x', session_state: state });
  await back(0, 'Authenticated');
  expect(names(world)).toEqual(['alice@example.com']);
  await back(1, 'Expired');
  world.verdict = () => noRight;
  await back(2, 'Authenticated');
  expect(world.said.slice(1)).toEqual([
    expect.stringMatching(/^client-deny 1 1 "token-over" "SESSION:/),
    expect.stringMatching(/^client-deny 2 1 "no-right"/),
  ]);
});

test('a certificate of another does not go with a token either', async () => {
  const world = new World();
  const shown = { tls_serial_hex_0: '01', X509_0_CN: 'mallory@example.com' };
  await world.login(0, 'alice@example.com', { ...shown, session_state: 'Authenticated' });
  expect(world.said).toEqual([expect.stringMatching(/^client-deny 0 1 "certificate-of-another"/)]);
});

test('lost rights end a session at once; while nobody can be asked it goes on', async () => {
  const world = new World();
  await world.login(0, 'alice@example.com');
  await world.login(1, 'bob@example.com');
  world.verdict = () => away;
  await world.server.changed(undefined);
  expect(names(world)).toEqual(['alice@example.com', 'bob@example.com']);
  world.verdict = (email) => (email.startsWith('bob') ? noRight : admitted(email));
  await world.server.changed('bob@example.com');
  expect(world.said.at(-1)).toMatch(/^client-kill 1 "HALT,/);
  expect([...world.held.keys()]).toEqual(['udp-0']);
  await world.event('DISCONNECT', 1, { bytes_sent: '5' });
  expect(world.events.at(-1)).toMatchObject({ event: 'disconnected', reason: 'not any more', session: { sent: 5 } });
});

test('what somebody may reach follows without a new sign-in', async () => {
  const world = new World();
  await world.login(0, 'alice@example.com');
  const grants = [{ set: 'lab/sslVpnServer/staff/rights', networks: ['10.201.0.0/16'] }];
  world.verdict = (email) => ({ ...admitted(email), grants });
  await world.server.changed('alice@example.com');
  await settled();
  expect(world.held.get('udp-0')?.grants).toEqual(grants);
});

test('of too many devices of one person the first gives way; of too many people the last is refused', async () => {
  const world = new World();
  for (const cid of [0, 1, 2]) await world.login(cid, 'alice@example.com');
  expect(world.said).toContainEqual(expect.stringMatching(/^client-kill 0 "HALT,/));
  expect(world.server.sessions.map((it) => it.cid)).toEqual([1, 2]);
  await world.login(3, 'bob@example.com');
  await world.login(4, 'carol@example.com');
  await world.login(5, 'dave@example.com');
  expect(world.said.at(-1)).toMatch(/^client-deny 5 1 "full"/);
  expect(world.events.at(-1)).toMatchObject({ event: 'refused', code: 'full', username: 'dave@example.com' });
});

test('whoever is told to leave and does not is cut off', async () => {
  const world = new World();
  await world.login(0, 'alice@example.com', { untrusted_ip: '198.51.100.7', untrusted_port: '4711' });
  world.server.disconnect('alice@example.com');
  await settled();
  for (const work of world.later) work();
  expect(world.said.at(-1)).toBe('kill 198.51.100.7:4711');
});

test('an administrator, and a revoked certificate, end sessions', async () => {
  const world = new World();
  await world.login(0, 'alice@example.com', { tls_serial_hex_0: '0A', X509_0_CN: 'alice@example.com' });
  await world.login(1, 'bob@example.com');
  world.server.revoked(new Set(['0a']));
  expect(names(world)).toEqual(['bob@example.com']);
  expect([world.server.disconnect('nobody@example.com'), world.server.disconnect('bob@example.com')]).toEqual([0, 1]);
  expect([names(world), world.held.size]).toEqual([[], 0]);
  await world.login(2, 'alice@example.com', { tls_serial_hex_0: '0A', X509_0_CN: 'alice@example.com' });
  expect(world.said.at(-1)).toMatch(/^client-deny 2 1/);
});

test('where a certificate is needed nobody comes in, or stays, without one', async () => {
  const world = new World();
  await world.login(0, 'alice@example.com');
  await world.login(1, 'bob@example.com', { tls_serial_hex_0: '0A', X509_0_CN: 'bob@example.com' });
  world.file = strict;
  world.server.settle();
  expect(names(world)).toEqual(['bob@example.com']);
  await world.login(2, 'alice@example.com');
  await world.login(3, 'alice@example.com', { session_state: 'Authenticated' });
  for (const [at, cid] of [
    [-2, 2],
    [-1, 3],
  ] as const)
    expect(world.said.at(at)).toMatch(new RegExp(`^client-deny ${cid} 1 "certificate-needed"`));
});

test('keys are renewed for whoever still may, and only under the same name', async () => {
  const world = new World();
  await world.login(0, 'alice@example.com');
  const renewed = (username: string) => world.event('REAUTH', 0, { username, session_state: 'Authenticated' });
  await renewed('alice@example.com');
  expect(world.said.at(-1)).toBe('client-auth-nt 0 1');
  await renewed('bob@example.com');
  expect(world.said.at(-1)).toMatch(/^client-deny 0 1/);
  world.verdict = () => away;
  await renewed('alice@example.com');
  expect(world.said.at(-1)).toBe('client-auth-nt 0 1');
  world.verdict = () => noRight;
  await renewed('alice@example.com');
  expect(world.said.at(-1)).toMatch(/^client-deny 0 1 "no-right"/);
});

const kept = (cid: number, email: string, address: string): Session => ({
  ...{ transport: 'udp', cid, username: email, email, address, from: '198.51.100.7:1', since: 1 },
  ...{ received: 0, sent: 0, grants: admitted(email).grants },
});

test('after a restart those who are still there go on, those who left are gone, and strangers are judged anew', async () => {
  const world = new World();
  world.sessions = [kept(0, 'alice@example.com', '10.60.77.2'), kept(1, 'bob@example.com', '10.60.77.3')];
  world.verdict = (email) => (email.startsWith('dave') ? noRight : admitted(email));
  await world.attach([
    '198.51.100.7:1 10.60.77.2 alice@example.com 0',
    // Let in by a predecessor that could not write it down.
    '198.51.100.8:1 10.60.77.4 carol@example.com 2',
    '198.51.100.9:1 10.60.77.5 dave@example.com 3',
    // Its question was never heard.
    '198.51.100.9:2  erin@example.com 4',
  ]);
  expect(names(world)).toEqual(['alice@example.com', 'carol@example.com']);
  expect([...world.held.keys()].sort()).toEqual(['udp-0', 'udp-2']);
  expect(world.said.toSorted()).toEqual(['client-kill 3 "HALT"', 'client-kill 4 "RESTART"']);
  expect(world.events).toMatchObject([{ event: 'disconnected', session: { email: 'bob@example.com' } }]);
});

test('connections of an openvpn that was started again are not those of the one before', async () => {
  const world = new World();
  world.sessions = [kept(0, 'alice@example.com', '10.60.77.2')];
  world.verdict = (email) => (email.startsWith('mallory') ? noRight : admitted(email));
  await world.attach(['198.51.100.9:1 10.60.77.2 mallory@example.com 0']);
  expect([names(world), world.held.size]).toEqual([[], 0]);
});

test('whom nobody can be asked about after a restart reaches nothing until somebody can', async () => {
  const world = new World();
  world.verdict = () => away;
  await world.attach(['198.51.100.7:1 10.60.77.2 alice@example.com 0']);
  expect(world.held.get('udp-0')?.grants).toEqual([]);
  world.verdict = admitted;
  await world.server.changed(undefined);
  await settled();
  expect(world.held.get('udp-0')?.grants).toEqual(admitted('').grants);
});
