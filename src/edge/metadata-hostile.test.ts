import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MetadataInput } from '#engines/metadata/input.ts';
import { CONNECTIONS, metadataServer } from './metadata-server.ts';

/** A tenant's program talks to the one process of ours that every host can reach. */

const hostAt = (address: string, name: string): MetadataInput['hosts'][number] => ({
  address,
  project: { id: 'lab', number: '1', attributes: {} },
  instance: {
    ...{ id: '7', name, hostname: `${name}.lab`, zone: 'z', machineType: 'm', image: 'i', tags: [], interfaces: [] },
    attributes: { secret: `of-${name}` },
  },
});

let folder: string;
let server: Server;
let port: number;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vauban-metadata-'));
  const input: MetadataInput = {
    ...{ namespace: 'net.lab.a', listen: '169.254.169.254' },
    hosts: [hostAt('127.0.0.1', 'mallory'), hostAt('127.0.0.2', 'alice')],
  };
  writeFileSync(join(folder, 'a.json'), JSON.stringify(input));
  server = metadataServer(join(folder, 'a.json')).listen(0, '127.0.0.3');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const open = (from = '127.0.0.1'): Socket =>
  connect({ port, host: '127.0.0.3', localAddress: from }).on('error', () => {});

/** Sends a head as it is; gives what came back until the server has ended the connection. */
async function raw(lines: readonly string[], from?: string): Promise<string> {
  const socket = open(from);
  let said = '';
  socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
  socket.write(`${[...lines, 'connection: close'].join('\r\n')}\r\n\r\n`);
  await once(socket, 'close');
  return said;
}

const SECRET = 'GET /computeMetadata/v1/instance/attributes/secret HTTP/1.1';
const FLAVOR = 'Metadata-Flavor: Google';

test('what is no address ends in an answer, and the server goes on', async () => {
  for (const target of ['//', '///', '//[', 'http://[', 'http://a:99999/', 'http://%zz/', '*', '/%', '/%ff%00', '?'])
    expect
      .soft(await raw([`GET ${target} HTTP/1.1`, 'Host: metadata', FLAVOR]), target)
      .toMatch(/^HTTP\/1\.1 [2-4]\d\d /);
  expect(await raw([SECRET, 'Host: metadata', FLAVOR])).toContain('of-mallory');
});

test('whatever a host says of itself, it is told what its address is told', async () => {
  for (const lie of [
    'Forwarded: for=127.0.0.2',
    'X-Real-IP: 127.0.0.2',
    'Via: 1.1 127.0.0.2',
    'Client-IP: 127.0.0.2',
  ]) {
    const said = await raw([SECRET, 'Host: metadata', FLAVOR, lie]);
    expect.soft(said, lie).toContain('of-mallory');
    expect.soft(said, lie).not.toContain('of-alice');
  }
  for (const forwarded of ['X-Forwarded-For: 127.0.0.2', 'x-FORWARDED-for:'])
    expect.soft(await raw([SECRET, 'Host: metadata', FLAVOR, forwarded]), forwarded).toContain(' 403 ');
});

test('a name of somebody else’s that leads here (DNS rebinding) is told nothing', async () => {
  for (const host of [
    'evil.example',
    'metadata.google.internal.evil.example',
    'metadata@evil.example',
    '10.0.0.1:80',
    '',
  ])
    expect.soft(await raw([SECRET, `Host: ${host}`, FLAVOR]), host).toMatch(/^HTTP\/1\.1 40[03] /);
  for (const host of [
    'metadata.google.internal',
    'METADATA.google.internal.',
    'metadata:80',
    '169.254.169.254',
    'metadata.goog',
  ])
    expect.soft(await raw([SECRET, `Host: ${host}`, FLAVOR]), host).toContain('of-mallory');
  expect(await raw([SECRET.replace('1.1', '1.0'), FLAVOR])).toContain('of-mallory');
});

test('one host that holds all the connections it can get leaves the others theirs', async () => {
  const held = Array.from({ length: CONNECTIONS.each + 200 }, () => open());
  try {
    await expect.poll(() => held.filter((it) => it.destroyed).length, { timeout: 20_000 }).toBeGreaterThanOrEqual(200);
    expect(held.filter((it) => !it.destroyed).length).toBeGreaterThan(0);
    expect(await raw([SECRET, 'Host: metadata', FLAVOR], '127.0.0.2')).toContain('of-alice');
  } finally {
    for (const it of held) it.destroy();
  }
  // What it has let go of it may have again.
  await expect.poll(() => raw([SECRET, 'Host: metadata', FLAVOR]), { timeout: 20_000 }).toContain('of-mallory');
}, 60_000);
