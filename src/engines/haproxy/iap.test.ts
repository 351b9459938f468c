import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { selfSigned } from '../../../test/certificates.ts';
import { trustFiles } from './clients.ts';
import { filesOf } from './files.ts';
import { AGENT } from './iap.ts';
import { renderAgent, spoePath } from './iap-agent.ts';
import { clientModes, HaproxyInput } from './input.ts';
import { haproxyPaths, NO_STATES } from './paths.ts';
import { renderConfig } from './render.ts';
import { sample } from './sample.fixture.ts';

const places = haproxyPaths({ run: '/run/vauban/test', state: '/var/lib/vauban/host' }, 'lab');

/** One protected service behind a front end with and one without TLS, and names of our own. */
const guarded: HaproxyInput = HaproxyInput.parse({
  ...sample,
  edgeHosts: ['signin.example.com'],
  own: [],
  services: sample.services.map((it) => (it.name === 'web' ? { ...it, iap: true } : it)),
});

test('a protected service renders to this configuration', async () => {
  await expect(renderConfig(guarded, places)).toMatchFileSnapshot('golden/iap.cfg');
  await expect(renderAgent(AGENT, false)).toMatchFileSnapshot('golden/iap.spoe');
});

/** The same where clients are asked for certificates of their devices. */
const asking = (mode: (typeof clientModes)[number], listed = true): HaproxyInput => ({
  ...guarded,
  frontends: guarded.frontends.map((it) => {
    const clients = { mode, authorities: ['lab.devices'], listed };
    return it.tls === undefined ? it : { ...it, tls: { ...it.tls, clients } };
  }),
});

test('a front end that asks for certificates of devices renders to this configuration, and only there it costs anything', async () => {
  const [allow, reject] = clientModes.map((it) => renderConfig(asking(it), places));
  const without = renderConfig(guarded, places).split('\n');
  const more = (text = '') => text.split('\n').filter((it) => !without.includes(it));
  await expect(`${more(allow).join('\n')}\n`).toMatchFileSnapshot('golden/devices-allow.cfg');
  await expect(`${more(reject).join('\n')}\n`).toMatchFileSnapshot('golden/devices-reject.cfg');
  await expect(renderAgent(AGENT, true)).toMatchFileSnapshot('golden/devices.spoe');
});

test('only protected services have a twin that asks, and every service is kept from the session’s cookie', () => {
  const sections = new Map(
    renderConfig(guarded, places)
      .split('\n\n')
      .map((it) => [it.split('\n', 1)[0] ?? '', it]),
  );
  expect([...sections.keys()].filter((it) => it.endsWith('.ask'))).toEqual(['backend web.ask']);
  for (const name of ['web', 'web.ask', 'api', 'images']) {
    expect(sections.get(`backend ${name}`)).toContain('http-request replace-header cookie');
  }
  expect(sections.get('backend api')).not.toContain('x-goog-');
});

test('HAProxy starts without remembering anything, and knows which services are protected', () => {
  const files = filesOf(guarded, places, (it) => it);
  const text = (name: string) => files.get(`${places.maps}/${name}`);
  expect(['iap.even', 'iap.odd', 'iap.people', 'iap.services'].map(text)).toEqual(['', '', '', 'web 0\n']);
  expect(files.has(spoePath(places))).toBe(true);
  expect([...filesOf(sample, places, (it) => it).keys()].filter((it) => it.includes('iap'))).toEqual([]);
});

const installed = spawnSync('haproxy', ['-v']).status === 0;

const engines: readonly (readonly [string, HaproxyInput])[] = [
  ['as it is', guarded],
  ...clientModes.map((it) => [it, asking(it, false)] as const),
];

test.skipIf(!installed).each(engines)('the real engine accepts it without a warning: %s', (_, input) => {
  const folder = mkdtempSync(`${tmpdir()}/vauban-haproxy-`);
  try {
    const here = haproxyPaths({ run: folder, state: folder }, 'lab');
    const { certificate: chain, privateKey: key } = selfSigned(['example.com']);
    const certificates = ['first', 'second'].map((name) => {
      return {
        id: `lab/sslCertificate/${name}`,
        name,
        chain,
        key,
        names: ['example.com'],
        notBefore: 0,
        notAfter: 4e12,
      };
    });
    for (const [path, text] of filesOf(
      { ...input, certificates },
      here,
      (it) => it,
      new Map(),
      new Map(trustFiles(input, here).map((it) => [it, chain])),
    )) {
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
