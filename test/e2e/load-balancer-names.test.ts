import { type ChildProcess, spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runningServers } from '#engines/haproxy/takeup.ts';
import { eventually } from '../deployment.ts';
import { FRONT, hosts, type ProxyLab, proxyLab, server, service, site } from '../proxy-lab.ts';

/**
 * Servers that are known by a name on the internet, which somebody else answers for. Each case has a name of its own, and
 * all go on at the same time: what they wait for is how long an answer is kept.
 */

let lab: ProxyLab;
let names: ChildProcess;
let folder: string;

const [FIRST, SECOND] = ['198.51.100.7', '198.51.100.8'];
const forbidden = ['127.0.0.1', '169.254.169.254', hosts[0], '10.1.0.1', FRONT];
const services = ['moves', 'gone', ...forbidden.map((_, n) => `forbidden${n}`)];

const nameOf = (of: string) => `${of}.example.org`;

/** What the name server says, by service. */
const said = new Map<string, string>(services.map((it) => [it, FIRST]));

function resolvesTo(of: string, address?: string): void {
  if (address === undefined) said.delete(of);
  else said.set(of, address);
  const file = join(folder, 'names.json');
  writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries([...said].map(([it, to]) => [nameOf(it), to]))));
  renameSync(`${file}.new`, file);
}

const answer = (of: string) => lab.curl('-w', ' %{http_code}', `https://${of}.example.com/`);

/** What the process that runs has made of the name. */
const address = async (of: string) => (await runningServers(lab.paths)).find((it) => it.backend === of)?.address;

beforeAll(async () => {
  lab = await proxyLab();
  folder = await mkdtemp(join(tmpdir(), 'vauban-names-'));
  for (const it of services) resolvesTo(it, FIRST);
  const space = lab.machine.namespace('outside');
  await lab.machine.exec(['ip', 'address', 'add', `${SECOND}/32`, 'dev', 'c0'], { namespace: 'outside' });
  const program = new URL('../proxy-names.ts', import.meta.url).pathname;
  const words = [`--net=/run/netns/${space}`, process.execPath, program, join(folder, 'names.json'), FIRST, SECOND];
  names = spawn('nsenter', words, { stdio: ['pipe', 'inherit', 'inherit'] });
  const elsewhere = (of: string) => ({ ...server(hosts[0]), name: nameOf(of), host: nameOf(of), inside: false });
  await lab.hold(
    site({
      routes: [
        {
          ...{ id: 'lab/urlMap/site', name: 'site', otherwise: { service: 'moves' } },
          hosts: services.map((it) => ({ host: `${it}.example.com`, matcher: it })),
          matchers: services.map((it) => ({ name: it, otherwise: { service: it }, paths: [] })),
        },
      ],
      services: services.map((it) => service(it, { servers: [elsewhere(it)], timeout: 1 })),
    }),
  );
}, 120_000);

afterAll(async () => {
  names?.kill('SIGKILL');
  await lab?.remove();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}, 60_000);

describe.concurrent('names that come to mean something else', () => {
  // The longest one first.
  test('a name that is gone leaves a service without a server, which says why, and comes back', async () => {
    await eventually(
      () => answer('gone'),
      (it) => it === `outside ${FIRST} 200`,
    );
    resolvesTo('gone');
    await eventually(
      () => answer('gone'),
      (it) => it.endsWith('503'),
      90,
    );
    expect((await lab.look()).details?.[`lab/backendService/gone/${nameOf('gone')}`]).toBe('its name is not known');
    resolvesTo('gone', SECOND);
    await eventually(
      () => answer('gone'),
      (it) => it === `outside ${SECOND} 200`,
      60,
    );
  }, 240_000);

  test('a name is looked up, and looked up again: requests follow it to another address', async () => {
    await eventually(
      () => answer('moves'),
      (it) => it === `outside ${FIRST} 200`,
    );
    resolvesTo('moves', SECOND);
    await eventually(
      () => answer('moves'),
      (it) => it === `outside ${SECOND} 200`,
      60,
    );
  }, 120_000);

  test.each(forbidden.map((inside, n) => [inside, `forbidden${n}`] as const))(
    'a name that comes to mean %s leads to nobody',
    async (inside, of) => {
      await eventually(
        () => answer(of),
        (it) => it === `outside ${FIRST} 200`,
      );
      resolvesTo(of, inside);
      await eventually(
        () => address(of),
        (it) => it === inside,
        60,
      );
      await eventually(
        () => answer(of),
        (it) => it.endsWith(' 502'),
      );
      expect(await answer(of)).toMatch(/502$/);
    },
    180_000,
  );
});
