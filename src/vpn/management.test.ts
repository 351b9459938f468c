import { expect, test } from 'vitest';
import { listedIn, ManagementReader, quoted } from './management.ts';

const talk = [
  ">INFO:OpenVPN Management Interface Version 5 -- type 'help' for more info",
  '>HOLD:Waiting for hold release:0',
  'SUCCESS: hold release succeeded',
  '>CLIENT:CONNECT,3,1',
  '>CLIENT:ENV,password=a=b',
  '>CLIENT:ENV,username=alice@example.com',
  'SUCCESS: bytecount interval changed',
  '>CLIENT:ENV,username=mallory@example.com',
  '>CLIENT:ENV,END',
  '>BYTECOUNT_CLI:3,100,200',
  '>CLIENT:DISCONNECT,3',
  '>CLIENT:ENV,bytes_received=7',
  '>CLIENT:ENV,END',
  '',
].join('\r\n');

test('events are understood however the bytes come', () => {
  const whole = new ManagementReader().read(talk);
  expect(whole.map((it) => it.kind)).toEqual(['hold', 'answer', 'answer', 'client', 'bytes', 'client']);
  for (const size of [1, 7, 64]) {
    const reader = new ManagementReader();
    const parts = Array.from({ length: Math.ceil(talk.length / size) }, (_, at) =>
      talk.slice(at * size, (at + 1) * size),
    );
    expect(parts.flatMap((it) => reader.read(it))).toEqual(whole);
  }
});

test('what openvpn said first about a client is not said differently afterwards', () => {
  const [event] = new ManagementReader().read(talk).filter((it) => it.kind === 'client');
  expect(event).toMatchObject({ event: 'CONNECT', cid: 3, kid: 1 });
  expect(event?.env.get('username')).toBe('alice@example.com');
  expect(event?.env.get('password')).toBe('a=b');
});

test('a line without an end is refused, and an event without a beginning is none', () => {
  expect(() => new ManagementReader().read('x'.repeat(70_000))).toThrow(RangeError);
  expect(new ManagementReader().read('>CLIENT:ENV,username=x\n>CLIENT:ENV,END\n>CLIENT:CONNECT,x,y\n')).toEqual([]);
});

test('clients are listed by the titles of the columns, those that wait without an address', () => {
  const header = ['HEADER', 'CLIENT_LIST', 'Common Name', 'Real Address', 'Virtual Address', 'New Column', 'Username'];
  const numbers = ['Bytes Received', 'Bytes Sent', 'Connected Since (time_t)', 'Client ID'];
  const row = (...it: readonly string[]): string => ['CLIENT_LIST', 'UNDEF', ...it].join('\t');
  const lines = [
    [...header, ...numbers].join('\t'),
    row('198.51.100.7:4711', '10.60.77.9', 'x', 'alice', '1', '2', '3', '0'),
    row('198.51.100.8:4712', '', 'x', 'bob', '0', '0', '3', '1'),
    row('198.51.100.8:4712', '', 'x', 'bob', '0', '0', '3', 'none'),
    'ROUTING_TABLE\t10.60.77.9\tUNDEF\t198.51.100.7:4711\tnow\t3',
  ];
  expect(listedIn(lines)).toEqual([
    {
      ...{ cid: 0, username: 'alice', realAddress: '198.51.100.7:4711', address: '10.60.77.9' },
      ...{ received: 1, sent: 2, since: 3 },
    },
    { cid: 1, username: 'bob', realAddress: '198.51.100.8:4712', address: '', received: 0, sent: 0, since: 3 },
  ]);
});

test('no text ends the command that it stands in', () => {
  expect(quoted('it’s "b\\c\nkill xé')).toBe('"it\'s \\"b\\\\c?kill x?"');
});
