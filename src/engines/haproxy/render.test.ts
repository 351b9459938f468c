import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { filesOf, ownFile } from './files.ts';
import { HaproxyInput } from './input.ts';
import { mapsOf, mapText } from './maps.ts';
import { haproxyPaths, NO_STATES } from './paths.ts';
import { renderConfig } from './render.ts';
import { sample } from './sample.fixture.ts';

const places = haproxyPaths({ run: '/run/vauban/test', state: '/var/lib/vauban/host' }, 'lab');

test('the sample is what the host accepts', () => {
  expect(HaproxyInput.parse(sample)).toEqual(sample);
});

test('a load balancer with one of everything renders to this configuration', async () => {
  await expect(renderConfig(sample, places)).toMatchFileSnapshot('golden/haproxy.cfg');
});

test('names of the edge service are found also where the URL map names no host', () => {
  const routes = sample.routes.map((it) => ({ ...it, hosts: [], matchers: [] }));
  const asks = (edgeHosts: readonly string[]): boolean =>
    /var\(txn\.host\),map_str\(\S+\.hosts\)/.test(
      renderConfig({ ...sample, routes, edgeHosts: [...edgeHosts] }, places),
    );
  expect(asks([])).toBe(false);
  expect(asks(['tunnel.cloudproxy.app'])).toBe(true);
});

test('hosts and paths become maps in which the longest is found', async () => {
  const text = [...mapsOf(sample)].map(([name, pairs]) => `# ${name}\n${mapText(pairs)}`).join('\n');
  await expect(text).toMatchFileSnapshot('golden/maps.txt');
});

const installed = spawnSync('haproxy', ['-v']).status === 0;

test.skipIf(!installed)('the real engine accepts it without a warning', () => {
  const folder = mkdtempSync(`${tmpdir()}/vauban-haproxy-`);
  try {
    const here = haproxyPaths({ run: folder, state: folder }, 'lab');
    const certificates = ['first', 'second'].map((name) => selfSigned(folder, name));
    const issued = new Map(
      sample.own.map((it) => {
        const { chain: certificate = '', key: privateKey = '' } = selfSigned(folder, it.name);
        return [ownFile(it, here), { certificate, privateKey }];
      }),
    );
    for (const [path, text] of filesOf({ ...sample, certificates }, here, (it) => it, issued)) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    writeFileSync(here.states, NO_STATES);
    const { stdout, stderr } = spawnSync('haproxy', ['-c', '-f', here.config], { encoding: 'utf8' });
    expect((stdout + stderr).split('\n').filter((it) => it !== '' && !it.includes('[NOTICE]'))).toEqual([
      'Configuration file is valid',
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function selfSigned(folder: string, name: string): HaproxyInput['certificates'][number] {
  const made = (what: readonly string[]) => execFileSync('openssl', what, { encoding: 'utf8', stdio: 'pipe' });
  const key = made(['genrsa', '2048']);
  writeFileSync(`${folder}/key`, key);
  const chain = made([
    'req',
    '-x509',
    '-new',
    '-key',
    `${folder}/key`,
    '-subj',
    `/CN=${name}.example.com`,
    '-days',
    '2',
  ]);
  const id = `lab/sslCertificate/${name}`;
  return { id, name, chain, key, names: [`${name}.example.com`], notBefore: 0, notAfter: 1 };
}
