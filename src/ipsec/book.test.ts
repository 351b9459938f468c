import { expect, test } from 'vitest';
import type { KeeperFile } from '#engines/strongswan/input.ts';
import { Book, type TunnelEvent } from './book.ts';
import type { SeenAgreement } from './seen.ts';

const file: KeeperFile = {
  owner: 'lab/gateway/office',
  kernel: 'libipsec',
  connections: [
    {
      ...{ key: 'lab/ipsecPeer/branch', name: 'branch', local: '198.51.100.1', remote: ['198.51.100.2'] },
      ...{ proposals: ['aes256-sha256-modp2048'], rekeySeconds: 60, dpdSeconds: 10, preSharedKey: 'x' },
      tunnels: [
        {
          ...{ key: 'lab/ipsecTunnel/branch', name: 'branch', enabled: true, start: 'trap', rekeySeconds: 60 },
          proposals: ['aes256-sha256'],
          pairs: ['1', '2'].map((n) => ({ name: `branch.${n}`, local: '10.1.0.0/24', remote: `10.2.${n}.0/24` })),
        },
      ],
    },
  ],
};

const child = (pair: string, id: string, bytes: number, state = 'INSTALLED') => ({
  ...{ name: `branch.${pair}`, id, state, seconds: 1, bytesIn: bytes, bytesOut: 0, packetsIn: 1, packetsOut: 0 },
  algorithms: 'AES',
});
const agreement = (...children: SeenAgreement['children'][number][]): SeenAgreement => ({
  ...{ connection: 'branch', id: '1', state: 'ESTABLISHED', seconds: 1, address: '198.51.100.2', identity: 'b' },
  ...{ initiator: true, behindNat: false, algorithms: 'AES', children },
});
const nobody: ReadonlySet<string> = new Set();

function started() {
  const events: TunnelEvent[] = [];
  const book = new Book((it) => events.push(it));
  const look = (...running: SeenAgreement[]) => {
    book.look(file, running, nobody);
    return book.status[0];
  };
  return { book, look, told: () => events.map((it) => it.event), events };
}

test('a tunnel is up with all of its pairs, and comes and goes once each in the log', () => {
  const { look, told } = started();
  expect(look()?.state).toBe('down');
  expect(look(agreement(child('1', 'a', 0)))?.state).toBe('partly-up');
  expect(look(agreement(child('1', 'a', 0), child('2', 'b', 0)))?.state).toBe('up');
  look(agreement(child('1', 'a', 0), child('2', 'b', 0)));
  expect(told()).toEqual(['up']);
  expect(look()?.state).toBe('down');
  expect(told()).toEqual(['up', 'down']);
});

test('what was counted under former keys counts on', () => {
  const { look } = started();
  look(agreement(child('1', 'a', 100), child('2', 'b', 5)));
  expect(look(agreement(child('1', 'a', 120, 'REKEYED'), child('1', 'c', 7), child('2', 'b', 5)))?.bytesIn).toBe(132);
  expect(look(agreement(child('1', 'c', 10), child('2', 'b', 5)))?.bytesIn).toBe(135);
  expect(look()?.bytesIn).toBe(135);
});

test('a failure is told once, counted every time, and forgotten when the tunnel is up', () => {
  const { book, look, events } = started();
  look();
  const finding = { code: 'silent', message: 'm', fix: 'f', connection: 'branch', address: '198.51.100.2' } as const;
  for (let n = 0; n < 5; n++) book.found(file, finding);
  expect(look()?.failure).toMatchObject({ code: 'silent', times: 5 });
  expect(events.filter((it) => it.event === 'failure')).toHaveLength(1);
  expect(look(agreement(child('1', 'a', 0), child('2', 'b', 0)))?.failure).toBeNull();
  book.found(file, finding);
  expect(book.status[0]?.failure).toBeNull();
});

test('a stranger is about the peer at that address, and about nobody elsewhere', () => {
  const { book, look } = started();
  look();
  const finding = { code: 'unknown-identity', message: 'm', fix: 'f', connection: '' } as const;
  book.found(file, { ...finding, address: '203.0.113.1' });
  expect(look()?.failure).toBeNull();
  book.found(file, { ...finding, address: '198.51.100.2' });
  expect(look()?.failure?.code).toBe('unknown-identity');
});

test('where strongSwan cannot wait for traffic, it says that it begins', () => {
  expect(started().look()?.start).toBe('start');
});
