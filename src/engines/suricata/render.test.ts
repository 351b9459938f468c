import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { assembleSuricata } from './assemble.ts';
import { carries } from './canary.ts';
import { SuricataInput } from './input.ts';
import { pathsOf, userOf } from './paths.ts';
import { renderProxied } from './proxied.ts';
import { canaryClass, canarySid, isCanary, referenceConfig, renderCanary, renderConfig } from './render.ts';

const run = promisify(execFile);
const missing = await run('suricata', ['-V']).then(
  () => false,
  () => true,
);

const input: SuricataInput = SuricataInput.parse({
  name: 'lab/idsEndpoint/cloud-ids-east1',
  namespace: 'ids-cloud-ids-east1',
  interfaces: ['x0', 'y0'],
  trafficLogs: true,
  pack: null,
  siteRules: '',
  without: [],
  homeNetworks: ['192.168.10.0/24', '10.0.0.0/8'],
  proxies: ['130.211.0.1'],
  canary: { address: '192.0.2.53', port: 7, from: 'net-cloud-ids' },
  after: [],
});
const places = { run: '/run/vauban/ab12', state: '/var/lib/vauban/host' };

test('the configuration is a file that can be read', async () => {
  await expect(renderConfig(input, pathsOf(places, input))).toMatchFileSnapshot('golden/suricata.yaml');
  await expect(renderCanary(input)).toMatchFileSnapshot('golden/canary.rules');
  await expect(renderProxied(input)).toMatchFileSnapshot('golden/proxied.rules');
});

test.skipIf(missing)('the real engine accepts the configuration without a warning (needs suricata)', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vauban-suricata-'));
  try {
    const paths = pathsOf({ run: folder, state: folder }, input);
    for (const path of [paths.live, paths.packets]) await mkdir(path, { recursive: true });
    // The golden with the folders of this test: a file that no engine has read proves nothing.
    const golden = await readFile(`${import.meta.dirname}/golden/suricata.yaml`, 'utf8');
    const moved = golden.replaceAll(places.run, folder).replaceAll(places.state, folder);
    await writeFile(paths.config, moved);
    await writeFile(paths.canaryRules, renderCanary(input));
    await writeFile(paths.proxiedRules, renderProxied(input));
    await writeFile(paths.packRules, '');
    await writeFile(paths.siteRules, '');
    await writeFile(paths.classification, canaryClass);
    await writeFile(paths.references, referenceConfig);
    const { stdout, stderr } = await run('suricata', ['-T', '-c', paths.config, '-l', paths.logs]);
    const said = `${stdout}${stderr}`.split('\n').filter((line) => /\b[EW]: /.test(line));
    // Two files of rules are empty on purpose here.
    expect(said.filter((line) => !line.includes('No rules loaded from'))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('traffic logs and home networks reach the configuration, and nothing else changes', () => {
  const paths = pathsOf(places, input);
  const without = renderConfig({ ...input, trafficLogs: false, homeNetworks: [] }, paths);
  expect(without).not.toContain('- flow\n');
  expect(without).toContain('HOME_NET: "any"');
  expect(renderConfig(input, paths)).toContain('HOME_NET: "[192.168.10.0/24,10.0.0.0/8]"');
  expect(renderConfig({ ...input, siteRules: 'x', pack: null }, paths)).toBe(renderConfig(input, paths));
});

test('paths are short enough for a unix socket, and endpoints never share a folder or a user', () => {
  const long = { name: `${'p'.repeat(30)}/idsEndpoint/${'e'.repeat(63)}` };
  expect(pathsOf(places, long).socket.length).toBeLessThan(108);
  expect(pathsOf(places, long).folder).not.toBe(pathsOf(places, input).folder);
  expect(userOf(long)).not.toBe(userOf(input));
});

test('a canary is known by its number and by what it carries', () => {
  expect([canarySid, canarySid + 99, canarySid + 100].map(isCanary)).toEqual([true, true, false]);
  const line = (sid: number, text: string) =>
    `{"event_type":"alert","alert":{"signature_id":${sid}},"payload":"${Buffer.from(text).toString('base64')}"}`;
  expect(carries(line(canarySid, 'nonce-1....'), 'nonce-1')).toBe(true);
  expect(carries(line(canarySid, 'nonce-2....'), 'nonce-1')).toBe(false);
  expect(carries(line(9_000_100, 'nonce-1....'), 'nonce-1')).toBe(false);
  expect(carries(line(canarySid, 'nonce-1').slice(0, -4), 'nonce-1')).toBe(false);
});

test('an endpoint is one artifact that needs its namespace, its network and its links', () => {
  const owner = 'lab/idsEndpoint/cloud-ids-east1';
  const [artifact, ...more] = assembleSuricata([{ owner, fragment: { ...input, after: ['link/x'] } }]);
  expect(more).toEqual([]);
  expect(artifact).toMatchObject({ id: 'suricata/lab/idsendpoint/cloud-ids-east1', owners: [owner] });
  expect(artifact?.needs).toEqual(['link/x', 'namespace/ids-cloud-ids-east1', 'namespace/net-cloud-ids']);
});

test('names and addresses that could break the configuration are refused', () => {
  for (const change of [
    { name: 'lab/idsEndpoint/a"b' },
    { interfaces: ['x0\n'] },
    { homeNetworks: ['any'] },
    { canary: { ...input.canary, address: '1.2.3.4; x' } },
  ])
    expect(SuricataInput.safeParse({ ...input, ...change }).success, JSON.stringify(change)).toBe(false);
});
