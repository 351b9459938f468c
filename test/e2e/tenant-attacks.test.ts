import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDeployment, type TestDeployment } from '../deployment.ts';
import { type Tries, triesOf } from '../fabric-lab.ts';

/** What a program in a host can reach that is none of its business, and whom it can pass for. */

let lab: TestDeployment;
let tries: Tries;

const site = (project: string, range: string) => `
project: ${project}
networks: { office: {} }
subnets: { east: { network: office, region: us-east1, range: ${range} } }
firewallRules: { all: { network: office, rules: [all], sourceRanges: [0.0.0.0/0] } }
instances:
  mallory: { zone: us-east1-b, interfaces: [{ subnet: east, address: ${range.replace('0/24', '10')} }] }
  alice:
    zone: us-east1-b
    metadata: { secret: of-alice }
    interfaces: [{ subnet: east, address: ${range.replace('0/24', '20')} }]
`;

beforeAll(async () => {
  lab = await startDeployment();
  tries = triesOf(lab);
  await lab.apply(site('one', '10.1.0.0/24'));
  await lab.apply(site('two', '10.2.0.0/24'));
}, 600_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

/** Runs a program in Python inside of a host. */
const python = (script: string, host = 'one/mallory'): Promise<string> =>
  tries.sh(host, `python3 -c "$(echo ${Buffer.from(script).toString('base64')} | base64 -d)"`);

const connecting = (targets: readonly string[]) => `
import socket, time
tried = {}
for it in '${targets.join(' ')}'.split():
    host, port = it.split(':')
    s = socket.socket(); s.setblocking(False)
    s.connect_ex((host, int(port)))
    tried[it] = s
time.sleep(3)
def stands(s):
    try: s.getpeername()
    except OSError: return False
    return True
print(' '.join(sorted(it for it in tried if stands(tried[it]))))
`;

test('of all that is ours a host reaches names and metadata of its own network', async () => {
  for (const host of ['one/alice', 'two/alice']) await tries.sh(host, 'nohup nc -lk 8080 >/dev/null 2>&1 & sleep 1');
  const places = [
    '10.1.0.1',
    '169.254.169.254',
    '10.1.0.20',
    '10.2.0.1',
    '10.2.0.20',
    '192.0.2.1',
    '130.211.0.1',
    '35.191.0.1',
  ];
  const more = ['199.36.153.8', '198.18.0.1', '198.19.0.1', '100.64.0.1', '127.0.0.1', '203.0.113.1', '35.235.240.1'];
  const ports = [22, 53, 80, 389, 443, 636, 8080, 8443, lab.settings.port];
  const targets = [...places, ...more].flatMap((it) => ports.map((port) => `${it}:${port}`));
  const mine = (await python(connecting(targets))).split(' ').filter((it) => !it.startsWith('127.0.0.1:'));
  expect(mine).toEqual(['10.1.0.20:22', '10.1.0.20:8080', '169.254.169.254:53', '169.254.169.254:80']);
  const own = (await python(connecting(ports.map((it) => `127.0.0.1:${it}`)))).trim();
  expect(own).toBe('127.0.0.1:22');
}, 240_000);

test('no socket of ours and nothing else of the machine’s is in a host', async () => {
  const found = await tries.sh(
    'one/mallory',
    'find / -xdev -type s 2>/dev/null; cat /proc/net/unix | grep -o "/.*" | sort -u; ls /var/lib/vauban /etc/vauban 2>/dev/null; true',
  );
  expect(found).not.toMatch(/host\.sock|spoe|runtime\.sock|web\.sock|ldapi|tunnel\.sock|master\.sock/);
});

/** Asks for metadata from an address that is not its own: binding to one needs no right (IP_FREEBIND). */
const passingFor = (address: string) => `
import socket
s = socket.socket(); s.settimeout(3)
s.setsockopt(socket.IPPROTO_IP, 15, 1)
try:
    s.bind(('${address}', 0))
    s.connect(('169.254.169.254', 80))
    s.sendall(b'GET /computeMetadata/v1/instance/attributes/secret HTTP/1.1\\r\\nHost: metadata\\r\\nMetadata-Flavor: Google\\r\\nConnection: close\\r\\n\\r\\n')
    print(s.recv(4096).decode())
except OSError as e: print('failed', e)
`;

test('a host that takes another’s address as its sender is not answered, and not told what is the other’s', async () => {
  expect(await python(passingFor('10.1.0.20'), 'one/alice')).toContain('of-alice');
  for (const address of ['10.1.0.20', '10.2.0.20', '127.0.0.1', '169.254.169.254'])
    expect.soft(await python(passingFor(address)), address).not.toContain('of-alice');
});

test('what is no address of the metadata server ends in an answer, and everybody is served afterwards', async () => {
  await python(`
import socket
for target in ['//', '//[', '*', 'http://[']:
    s = socket.socket(); s.settimeout(3); s.connect(('169.254.169.254', 80))
    s.sendall(('GET %s HTTP/1.1\\r\\nHost: metadata\\r\\nMetadata-Flavor: Google\\r\\nConnection: close\\r\\n\\r\\n' % target).encode())
    s.recv(4096)
`);
  expect(await python(passingFor('10.1.0.20'), 'one/alice')).toContain('of-alice');
  const checks = await lab.vauban('checks');
  expect(checks.stdout).not.toContain('metadata server is down');
});

test('the metadata server, which hosts talk to, is not the user that may speak to the host agent', () => {
  const pids = execFileSync('pgrep', ['-f', `main/metadata.ts ${lab.deployment.run}/metadata/`], { encoding: 'utf8' });
  const users = pids
    .trim()
    .split('\n')
    .map((pid) => execFileSync('ps', ['-o', 'user:20=,group:20=', '-p', pid], { encoding: 'utf8' }).trim());
  expect(users.length).toBeGreaterThan(1);
  for (const it of users) expect(it.split(/\s+/)).toEqual(['vauban-metadata', 'vauban-metadata']);
  for (const pid of pids.trim().split('\n'))
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Groups:\s*$/m);
});
