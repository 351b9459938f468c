import { mkdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Machine } from '#core/machine.ts';
import { asProblem } from '#core/problem.ts';
import { checkWith } from '#engines/haproxy/check.ts';
import { slapdEngine } from '#engines/slapd/driver.ts';
import { SlapdInput } from '#engines/slapd/input.ts';
import { slapdPaths } from '#engines/slapd/paths.ts';
import { makeFolders } from '#engines/suricata/files.ts';
import { SuricataInput } from '#engines/suricata/input.ts';
import { pathsOf } from '#engines/suricata/paths.ts';
import { hosts, type ProxyLab, proxyLab, server, service, site } from '../proxy-lab.ts';

/** Whoever may declare a resource, or has taken control or an engine over, tries to make root do more than it is for. */

let lab: ProxyLab;

beforeAll(async () => {
  lab = await proxyLab();
}, 120_000);

afterAll(() => lab?.remove(), 60_000);

/** A header whose name opens a quote, so that its value would be words of the configuration. */
const breakingOut = (words: string) => ({ name: "x-team'", value: `y z ${words} #` });

test('the name of a header is one word of the configuration, whatever signs it has', async () => {
  const [secret = ''] = (await readFile('/etc/shadow', 'utf8')).split('\n');
  for (const field of ['requestHeaders', 'responseHeaders'] as const) {
    const web = service('web', { servers: [server(hosts[0])], [field]: [breakingOut('if { src -f /etc/shadow }')] });
    const refused = await checkWith(lab.machine, site({ services: [web] })).then(
      () => '',
      (error: unknown) => asProblem(error).message,
    );
    expect.soft(refused).not.toContain(secret);
    expect.soft(refused).toBe('');
  }
  const web = service('web', { affinity: { by: 'header', name: "x-team'#" } });
  await expect(checkWith(lab.machine, site({ services: [web] }))).resolves.toBeUndefined();
});

test('a load balancer’s configuration is judged without privilege, as it is run', async () => {
  const ran: (readonly string[])[] = [];
  const machine: Machine = {
    ...lab.machine,
    exec: (argv, options) => {
      ran.push(argv);
      return lab.machine.exec(argv, options);
    },
  };
  await checkWith(machine, site());
  const judged = ran.find((it) => it.includes('haproxy')) ?? [];
  expect(judged.slice(0, 2)).toEqual(['setpriv', `--reuid=${lab.machine.users.proxy.uid}`]);
  expect(judged).toContain('--no-new-privs');
});

const endpoint = SuricataInput.parse({
  ...{ name: 'lab/idsEndpoint/ids', namespace: 'edge', interfaces: ['c0'], trafficLogs: false, pack: null },
  ...{ siteRules: '', without: [], homeNetworks: [], proxies: [], after: [] },
  canary: { address: '192.0.2.9', port: 9, from: 'edge' },
});

/** A folder of root's that somebody would like to have. */
async function treasure(): Promise<{ readonly path: string; owner(): Promise<string> }> {
  const path = `${lab.machine.state}/treasure`;
  await mkdir(path, { recursive: true, mode: 0o700 });
  const owner = async () => {
    const { uid, gid, mode } = await stat(path);
    return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
  };
  return { path, owner };
}

test('an engine that was taken over cannot have root give it a folder by a link in the place of its own', async () => {
  const { path, owner } = await treasure();
  const before = await owner();
  const paths = pathsOf(lab.machine, endpoint);
  await makeFolders(lab.machine, endpoint, paths);
  // Below the folder of events, which is the engine's own.
  await rm(paths.packets, { recursive: true });
  await symlink(path, paths.packets);
  await expect(makeFolders(lab.machine, endpoint, paths)).rejects.toThrow('in the place of a folder');
  expect(await owner()).toBe(before);
});

test('slapd can put nothing in the place of the folders that it is given', async () => {
  const { path, owner } = await treasure();
  const before = await owner();
  const directory = SlapdInput.parse({
    ...{ directory: 'lab.people', baseDn: 'dc=lab', users: [], groups: [] },
    passwordPolicy: { minimumLength: 0, lockoutAfter: 0, lockoutSeconds: 1, history: 0 },
  });
  const { folder, data } = slapdPaths(lab.machine, directory.directory);
  const artifact = { id: 'slapd/lab.people', engine: 'slapd', owners: [], needs: [], input: directory };
  // As a version before this one has left it: the directory server's own, with a link in it.
  await mkdir(dirname(folder), { recursive: true });
  const { uid, gid } = lab.machine.users.directory;
  await lab.machine.makeFolder(folder, { mode: 0o700, uid, gid });
  await symlink(path, data);
  await expect(slapdEngine.apply(lab.machine, artifact, undefined)).rejects.toThrow('in the place of a folder');
  expect(await owner()).toBe(before);
  expect((await stat(folder)).uid).toBe(0);
});
