import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runTunnel, type TunnelRoute } from '#client/tunnel.ts';
import { breakableLine, localEnd } from '../breakable-line.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { echoes, triesOf } from '../fabric-lab.ts';
import { StrictClient } from '../relay-client.ts';

/** Hosts without an address outside, reached through the identity-aware TCP tunnel. */

let lab: TestDeployment;
let folder: string;
const closing: (() => void)[] = [];

interface SiteOptions {
  readonly sources?: string;
  readonly bindings?: string;
  readonly keys?: string;
}

const site = ({ sources = '35.235.240.0/20', bindings = '', keys = '' }: SiteOptions = {}) => `
project: tunnels
networks: { cloud-ids: {} }
subnets:
  cloud-ids-useast1: { network: cloud-ids, region: us-east1, range: 192.168.10.0/24 }
firewallRules:
  allow-iap-proxy: { network: cloud-ids, rules: ["tcp:22", "tcp:80", "tcp:9000-9100"], sourceRanges: [${sources}] }
projectMetadata: { attributes: { team: blue${keys} } }
roleBindings:
  operators: { role: roles/iap.tunnelResourceAccessor, members: ["user:alice@example.com"] }
${bindings}
instances:
  server:
    zone: us-east1-b
    image: debian-11
    interfaces: [{ subnet: cloud-ids-useast1, address: 192.168.10.20 }]
    startupScript: |
      #! /bin/bash
      sudo apt-get update
      sudo apt-get -qq -y install nginx
${echoes(9000)}`;

const HOST = 'tunnels/server';
const BASE = '/v1/projects/tunnels/instances/server/tunnel';

beforeAll(async () => {
  folder = mkdtempSync(`${tmpdir()}/vauban-tunnel-`);
  process.env['XDG_CONFIG_HOME'] = folder;
  lab = await startDeployment();
  await lab.apply(site());
  const tries = triesOf(lab);
  for (const port of [22, 80, 9000]) await tries.listening(HOST, port);
}, 600_000);

afterAll(async () => {
  for (const close of closing.splice(0)) close();
  await lab?.remove();
  rmSync(folder, { recursive: true, force: true });
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

const token = (): string => readFileSync(`${lab.deployment.apiFolder}/admin.token`, 'utf8').trim();
const authority = (): string => readFileSync(`${lab.deployment.apiFolder}/server.crt`, 'utf8');

/** Between the command line and the API. */
async function breakable() {
  const line = await breakableLine(lab.settings.port);
  closing.push(line.close);
  return line;
}

const routeTo = (port: number, target = 9000, bearer = token()): TunnelRoute => ({
  connect: `wss://127.0.0.1:${port}${BASE}?port=${target}`,
  reconnect: (sid, received) => `wss://127.0.0.1:${port}${BASE}?sid=${sid}&ack=${received}`,
  token: () => bearer,
  authority: authority(),
  name: `server port ${target}`,
});

const retry = { first: 50, most: 300, giveUp: 60_000 };

test('ssh through the tunnel does what the documents do: a shell, systemctl, sudo, exit codes', async () => {
  const run = (...words: string[]) => lab.vauban('ssh', 'alice@server', '--tunnel', '--', ...words);
  const status = await run('systemctl', 'status', 'nginx');
  expect(status.stdout).toContain('Active: active (running)');
  expect(status.stdout).toContain('A high performance web server and a reverse proxy server');
  expect((await run('whoami; exit 7')).code).toBe(7);
  expect((await run('sudo', 'id', '-u')).stdout).toBe('0\n');
  const eicar = 'cd /var/www/html/ && sudo touch eicar.file && echo harmless | sudo tee eicar.file && ls -l eicar.file';
  expect((await run(eicar)).stdout).toMatch(/^harmless\n-rw-r--r-- 1 root root 9 /);
  const shell = await lab.vaubanWith('whoami\nhostname\nexit 3\n', 'ssh', 'alice@server', '--tunnel');
  expect([shell.code, shell.stdout.split('\n').slice(-3)]).toEqual([3, ['alice', 'server', '']]);
});

test('the host’s own keys are known before the first connection: a stranger in its place is refused', async () => {
  const known = `${folder}/vauban/ssh/known_hosts.d`;
  const { assigned } = await lab.client.get<{ assigned: { id: string } }>('/v1/projects/tunnels/instances/server');
  expect(readFileSync(`${known}/compute.${assigned.id}`, 'utf8')).toContain(`compute.${assigned.id} ssh-ed25519 AAAA`);
  const { stdout, stderr, code } = await lab.vauban('ssh', 'alice@server', '--tunnel', '--', 'true');
  expect({ stdout, stderr, code }).toEqual({ stdout: '', stderr: '', code: 0 });
});

test('scp copies both ways', async () => {
  const bytes = randomBytes(2_000_000);
  writeFileSync(`${folder}/there`, bytes);
  expect(await lab.vauban('scp', `${folder}/there`, 'alice@server:/tmp/copy')).toMatchObject({ code: 0 });
  expect(await lab.vauban('scp', 'alice@server:/tmp/copy', `${folder}/back`)).toMatchObject({ code: 0 });
  expect(readFileSync(`${folder}/back`).equals(bytes)).toBe(true);
  const none = await lab.vauban('scp', `${folder}/there`, `${folder}/elsewhere`);
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('none of the files is one of an instance')]);
});

test('a port of the host is a port here, and the host sees 35.235.240.1', async () => {
  const local = localEnd();
  await runTunnel(routeTo(lab.settings.port, 9001), local.duplex);
  expect(local.text().toString()).toBe('35.235.240.1');
  const web = localEnd();
  const running = runTunnel(routeTo(lab.settings.port, 80), web.duplex);
  web.input.write('GET / HTTP/1.0\r\n\r\n');
  await running;
  expect(web.text().toString()).toContain('Welcome to nginx!');
});

test('a closed port, a closed firewall and a host that is not there are told apart', async () => {
  const say = async (port: string, host = 'server') => {
    const { code, stderr } = await lab.vauban('tunnel', host, port);
    expect(code).toBe(1);
    return stderr;
  };
  expect(await say('9099')).toContain('nothing listens on port 9099 of server (4003)');
  expect(await say('8080')).toContain('is there a firewall rule that lets 35.235.240.0/20 in? (4003)');
  expect(await say('22', 'nobody')).toContain('there is no instance of that name in project tunnels');
});

test('without the role operator nothing is relayed, and the reason is said', async () => {
  const { token: viewer } = await lab.client.post<{ token: string }>('/v1/tokens', { name: 'looker', role: 'viewer' });
  const refused = (bearer: string) =>
    runTunnel(routeTo(lab.settings.port, 22, bearer), localEnd().duplex).catch((it: unknown) => it);
  expect(await refused(viewer)).toMatchObject({
    code: 'PERMISSION_DENIED',
    message: 'token looker has the role viewer; this needs operator',
  });
  expect(await refused('vbn_nonsense')).toMatchObject({ code: 'UNAUTHENTICATED' });
  // It looks like an ID token, so the edge is asked, which does not know its key.
  expect(await refused('a.b.c')).toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('20 MB both ways come whole through a line that is cut again and again', async () => {
  const line = await breakable();
  const local = localEnd();
  const bytes = randomBytes(20_000_000);
  const notes: string[] = [];
  const resumed = () => notes.filter((it) => it.includes('resumed.')).length;
  let cuts = 0;
  local.onBytes((got) => {
    // What a buffer has kept comes after its line was cut, when there is nothing to cut yet.
    if (cuts < 5 && got > (1 + 3 * cuts) * 1_000_000 && resumed() === cuts) {
      cuts += 1;
      line.cut();
    }
    if (got >= bytes.length) local.input.destroy();
  });
  const running = runTunnel(routeTo(line.port), local.duplex, { note: (text) => notes.push(text), retry });
  local.input.write(bytes);
  await running;
  expect(local.text().equals(bytes)).toBe(true);
  expect(cuts).toBeGreaterThan(2);
  expect(resumed()).toBe(cuts);
});

test('a client written from the cloud’s description, and strict about it, is served the same', async () => {
  const line = await breakable();
  const client = new StrictClient({
    dial: () =>
      new Promise((resolve, reject) => {
        const socket = connectTls({ port: line.port, host: '127.0.0.1', ca: authority() });
        socket.once('secureConnect', () => resolve(socket));
        socket.once('error', reject);
      }),
    ...{ host: '127.0.0.1', token: token(), query: 'port=9000', connect: BASE, reconnect: BASE },
  });
  await client.open();
  const bytes = randomBytes(5_000_000);
  const cutting = (async () => {
    for (const at of [500_000, 2_000_000, 4_000_000]) {
      await client.receive(at);
      line.cut();
    }
  })();
  await client.send(bytes);
  await cutting;
  expect((await client.receive(bytes.length)).equals(bytes)).toBe(true);
  expect(client.reconnects).toBeGreaterThanOrEqual(3);
  await client.close();
});

/** Ends a process of this deployment as a crash would; its supervisor starts it again. */
async function kill(pattern: string): Promise<void> {
  const { execFileSync } = await import('node:child_process');
  const scan = lab.deployment.scan;
  const pid = Number(execFileSync('s6-svstat', ['-o', 'pid', `${scan}/${pattern}`], { encoding: 'utf8' }).trim());
  expect(pid).toBeGreaterThan(1);
  process.kill(pid, 'SIGKILL');
}

test('a tunnel outlives control; when the edge itself dies, it ends in words and the next one works', async () => {
  const local = localEnd();
  const bytes = randomBytes(6_000_000);
  const running = runTunnel(routeTo(lab.settings.port), local.duplex, { retry });
  running.catch(() => {});
  let killed: Promise<void> | undefined;
  local.onBytes((got) => {
    if (got > 1_000_000) killed ??= kill('vauban-control');
  });
  local.input.write(bytes);
  await eventually(
    async () => local.got(),
    (got) => got === bytes.length,
    60,
  );
  await killed;
  expect(local.text().equals(bytes)).toBe(true);
  await kill('edge.tunnels');
  expect(await running.catch((it: unknown) => it)).toMatchObject({
    code: 'UNMET',
    message: expect.stringContaining('(4001)'),
  });
  await eventually(
    async () => (await lab.vauban('ssh', 'alice@server', '--tunnel', '--', 'echo back')).stdout,
    (text) => text === 'back\n',
    60,
  );
}, 180_000);

test('keys in project metadata make accounts, and go when they go from there', async () => {
  const key = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5${randomBytes(30).toString('base64').replace(/[=]/g, '')} carol`;
  const tries = triesOf(lab);
  const authorized = () => tries.sh(HOST, 'cat /home/carol/.ssh/authorized_keys 2>&1; id -nG carol 2>&1');
  await lab.apply(site({ keys: `, ssh-keys: "carol:${key}"` }));
  expect(await eventually(authorized, (text) => text.includes(key))).toContain('google-sudoers');
  await tries.sh(HOST, 'echo "ssh-ed25519 AAAAown own" | tee -a /home/carol/.ssh/authorized_keys');
  await lab.apply(site());
  const after = await eventually(authorized, (text) => !text.includes(key));
  expect(after).toContain('AAAAown');
  expect(after).not.toContain('google-sudoers');
});

test('a firewall rule that goes takes the way with it, and without a role binding there is no edge', async () => {
  await lab.apply(site({ sources: '10.0.0.0/8' }));
  const { stderr } = await lab.vauban('tunnel', 'server', '22');
  expect(stderr).toContain('is there a firewall rule that lets 35.235.240.0/20 in?');
  await lab.apply(site().replace(/roleBindings:\n.*\n/, ''));
  const none = await lab.vauban('tunnel', 'server', '22');
  expect(none.stderr).toContain('the project has no edge');
  await lab.apply(site());
  expect((await lab.vauban('ssh', 'alice@server', '--tunnel', '--', 'echo again')).stdout).toBe('again\n');
});
