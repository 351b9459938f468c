import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { HaproxyInput } from './input.ts';
import { parseProcesses, parseRows } from './runtime.ts';
import { sample } from './sample.fixture.ts';
import { serverName, serverNamed } from './server.ts';
import { differences, parseServers, type Running, serverSteps } from './servers.ts';

const none = { steered: {}, leaving: new Set<string>() };

const withServers = (servers: HaproxyInput['services'][number]['servers']): HaproxyInput => ({
  ...sample,
  services: sample.services.filter((it) => it.name === 'web').map((it) => ({ ...it, servers })),
});

const server = (name: string, more = {}) => ({ name, host: '10.1.0.11', port: 80, weight: 100, inside: true, ...more });

const running = (name: string, more: Partial<Running> = {}): Running => ({
  backend: 'web',
  name: `${name}_10.1.0.11_80`,
  address: '10.1.0.11',
  weight: 100,
  admin: 'ready',
  ...more,
});

test('nothing is done where nothing differs', () => {
  expect(serverSteps(withServers([server('a')]), [running('a')], none)).toEqual({ commands: [], leaving: [] });
});

test('a new server has no weight until it is known whether it is well', () => {
  expect(serverSteps(withServers([server('a')]), [], none).commands).toEqual([
    'add server web/a_10.1.0.11_80 10.1.0.11:80 weight 0 source 130.211.0.1 check inter 5s rise 2 fall 2',
    'enable dynamic-cookie backend web',
    'enable health web/a_10.1.0.11_80',
    'set server web/a_10.1.0.11_80 state ready',
    'set server web/a_10.1.0.11_80 health down',
    'set server web/a_10.1.0.11_80 weight 100',
  ]);
});

test('one that is gone is drained; one that comes back in time goes on', () => {
  expect(serverSteps(withServers([]), [running('a')], none)).toEqual({
    commands: ['set server web/a_10.1.0.11_80 state drain'],
    leaving: ['web/a_10.1.0.11_80'],
  });
  const back = { steered: {}, leaving: new Set(['web/a_10.1.0.11_80']) };
  expect(serverSteps(withServers([server('a')]), [running('a', { admin: 'drain' })], back).commands).toEqual([
    'set server web/a_10.1.0.11_80 state ready',
  ]);
});

test('one that is somewhere else by now gets requests there at once', () => {
  expect(serverSteps(withServers([server('a', { host: '10.1.0.12' })]), [running('a')], none)).toEqual({
    commands: [
      'add server web/a_10.1.0.12_80 10.1.0.12:80 weight 100 source 130.211.0.1 check inter 5s rise 2 fall 2',
      'enable dynamic-cookie backend web',
      'enable health web/a_10.1.0.12_80',
      'set server web/a_10.1.0.12_80 state ready',
      'set server web/a_10.1.0.11_80 state drain',
    ],
    leaving: ['web/a_10.1.0.11_80'],
  });
});

test('the engine’s name of a server tells its name, address and port again', () => {
  for (const it of [server('a'), server('web-1:80', { port: 8080 }), server('a.b-c')]) {
    const { name, host, port } = it;
    expect(serverNamed(serverName(it))).toEqual({ name, host, port: String(port) });
  }
  expect(serverName(server('api:443', { host: 'api.example.com' }))).toBe('api:443');
  expect(['api:443', '<NOSRV>', '-'].map(serverNamed)).toEqual([
    { name: 'api:443' },
    { name: '<NOSRV>' },
    { name: '-' },
  ]);
});

test('what was steered is wanted as much as what was declared', () => {
  const steered = { steered: { 'web/a': 'drain' as const }, leaving: new Set<string>() };
  expect(serverSteps(withServers([server('a')]), [running('a')], steered).commands).toEqual([
    'set server web/a_10.1.0.11_80 state drain',
  ]);
  expect(differences(withServers([server('a')]), [running('a', { admin: 'drain' })], steered)).toEqual([]);
});

test('answers that are none of HAProxy’s are no servers, rows or processes', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(Array.isArray(parseServers(text))).toBe(true);
      expect(Array.isArray(parseRows(text))).toBe(true);
      parseProcesses(text);
    }),
  );
});

test('the master tells its workers, new and old', () => {
  const text = `#<PID>          <type>          <reloads>       <uptime>        <version>
31003           master          2 [failed: 1]   0d00h00m00s     2.6.12
# workers
31012           worker          0               0d00h00m00s     2.6.12
# old workers
30999           worker          1               0d00h01m00s     2.6.12
# programs
`;
  expect(parseProcesses(text)).toEqual({ master: 31003, reloads: 2, failed: 1, worker: 31012, old: [30999] });
});
