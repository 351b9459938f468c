import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HealthItem } from '#control/health.ts';
import type { LogEntry } from '#core/log.ts';
import { parsePacket } from '#engines/ulogd/packet.ts';
import { ulogdPaths } from '#engines/ulogd/paths.ts';
import { eventually, exampleSite, startDeployment, type TestDeployment } from '../deployment.ts';

let lab: TestDeployment;

/** The document's lab, with rules that log, sessions that are logged, and a startup script that says something. */
const site = exampleSite('cloud-ids')
  .replace(
    'firewallRules:\n  allow-http-icmp:\n',
    `firewallRules:
  no-telnet:
    { network: cloud-ids, priority: 900, action: deny, rules: ["tcp:23"], sourceRanges: [192.168.10.0/24], logging: true }
  allow-http-icmp:
    logging: true
`,
  )
  .replace('      sudo apt-get update\n', "      echo 'the startup script speaks'\n      sudo apt-get update\n")
  .replace('severity: informational }', 'severity: informational, trafficLogs: true }');

beforeAll(async () => {
  lab = await startDeployment();
  await lab.apply(site);
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

/** Entries as the command line reads them, oldest first. */
async function read(filter: string): Promise<readonly LogEntry[]> {
  const ended = await lab.vauban('logs', 'read', '-o', 'json', '--order', 'oldest', '--limit', '5000', filter);
  expect(ended.stderr.replace('No entry matches.', '').trim()).toBe('');
  return JSON.parse(ended.stdout || '[]') as LogEntry[];
}

const some = (filter: string): Promise<readonly LogEntry[]> =>
  eventually(
    () => read(filter),
    (entries) => entries.length > 0,
    15,
  );

const knock = (port: number) => lab.inside('attacker', 'curl', '-s', '-m', '1', `http://192.168.10.20:${port}/`);

const attacker = { project_id: 'cloud-ids-lab', vm_name: 'attacker', region: 'us-east1', zone: 'us-east1-b' };
const server = { ...attacker, vm_name: 'server' };
const vpc = { project_id: 'cloud-ids-lab', vpc_name: 'cloud-ids', subnetwork_name: 'cloud-ids-useast1' };

test('a packet that no rule allows is a DENIED entry that names the instance, the implied rule and the network', async () => {
  await knock(8080);
  const [entry] = await some('log_id("compute.googleapis.com/firewall") AND jsonPayload.connection.dest_port=8080');
  expect(entry).toMatchObject({
    logName: 'projects/cloud-ids-lab/logs/compute.googleapis.com%2Ffirewall',
    resource: { type: 'gce_subnetwork', labels: { location: 'us-east1', subnetwork_name: 'cloud-ids-useast1' } },
    jsonPayload: {
      connection: { src_ip: '192.168.10.10', dest_ip: '192.168.10.20', dest_port: 8080, protocol: 6 },
      disposition: 'DENIED',
      rule_details: {
        reference: 'network:cloud-ids/firewall:implied-deny-ingress',
        action: 'DENY',
        direction: 'INGRESS',
        priority: 65_535,
      },
      instance: server,
      remote_instance: attacker,
      vpc,
      remote_vpc: vpc,
    },
  });
});

test('a rule with logging shows what it refused and what it let through, and other rules show nothing', async () => {
  await knock(23);
  await knock(80);
  const [denied] = await some('jsonPayload.rule_details.reference="network:cloud-ids/firewall:no-telnet"');
  expect(denied?.jsonPayload).toMatchObject({
    disposition: 'DENIED',
    rule_details: {
      priority: 900,
      action: 'DENY',
      source_range: ['192.168.10.0/24'],
      ip_port_info: [{ ip_protocol: 'TCP', port_range: ['23'] }],
    },
  });
  const [allowed] = await some('jsonPayload.disposition="ALLOWED" AND jsonPayload.connection.dest_port=80');
  expect(allowed?.jsonPayload).toMatchObject({
    rule_details: {
      reference: 'network:cloud-ids/firewall:allow-http-icmp',
      action: 'ALLOW',
      target_tag: ['server'],
      ip_port_info: [{ ip_protocol: 'TCP', port_range: ['80'] }, { ip_protocol: 'ICMP' }],
    },
    instance: server,
  });
  expect(await read('jsonPayload.rule_details.reference="network:cloud-ids/firewall:allow-iap-proxy"')).toEqual([]);
});

test('what an instance says on its console is its serial log and can be searched', async () => {
  const { stdout } = await lab.vauban('logs', 'serial', 'server');
  expect(stdout).toContain('the startup script speaks');
  const [entry] = await some(
    'log_id("serialconsole.googleapis.com/serial_port_1_output") AND textPayload:"the startup script speaks"',
  );
  expect(entry).toMatchObject({
    resource: { type: 'gce_instance', labels: { zone: 'us-east1-b' } },
    labels: { 'compute.googleapis.com/resource_name': 'server' },
  });
  const three = await lab.vauban('logs', 'serial', 'server', '--limit', '3');
  expect(stdout.endsWith(three.stdout)).toBe(true);
  expect(three.stdout.split('\n')).toHaveLength(4);
  expect((await lab.vauban('logs', 'serial', 'nobody')).stderr).toContain('there is no instance of that name');
});

test('an attack is an entry of the threat log in which every value is a text, and the threat names the command for it', async () => {
  await lab.inside(
    'attacker',
    ...['curl', '-s', '-H', 'User-Agent: () { :; }; 123.123.123.123:9999'],
    'http://192.168.10.20/cgi-bin/test-critical',
  );
  const [entry] = await some('log_id("ids.googleapis.com/threat") AND jsonPayload.alert_severity="CRITICAL"');
  const { cves, ...payload } = entry?.jsonPayload ?? {};
  expect(Object.values(payload).filter((it) => typeof it !== 'string')).toEqual([]);
  expect(cves).toContain('CVE-2014-6271');
  expect(payload).toMatchObject({
    name: 'Bash Remote Code Execution Vulnerability',
    threat_id: '36729',
    network: 'cloud-ids',
    source_ip_address: '192.168.10.10',
    destination_ip_address: '192.168.10.20',
    destination_port: '80',
    direction: 'client-to-server',
    repeat_count: '1',
    uri_or_filename: 'test-critical',
  });
  expect(entry).toMatchObject({
    resource: { type: 'ids.googleapis.com/Endpoint', labels: { location: 'us-east1-b', id: 'cloud-ids-east1' } },
  });
  expect(entry).not.toHaveProperty('severity');

  const listed = await lab.vauban('threats', 'list', '-o', 'name', '--severity', 'critical');
  const described = await lab.vauban('threats', 'describe', listed.stdout.trim().split('\n')[0] ?? '');
  const [, filter = ''] = /^log: vauban logs read '(.*)'$/m.exec(described.stdout) ?? [];
  const shown = await read(filter);
  expect(shown.map((it) => it.jsonPayload?.['threat_id'])).toEqual(['36729', '36729']);
});

test('a change and a command in an instance are in the audit log, reading is not, and what was refused is', async () => {
  const audit = 'log_id("cloudaudit.googleapis.com/activity")';
  const [apply] = await some(`${audit} AND protoPayload.methodName="vauban.v1.site.apply"`);
  expect(apply).toMatchObject({
    severity: 'NOTICE',
    labels: { revision: '1' },
    protoPayload: {
      serviceName: 'vauban',
      resourceName: 'site',
      authenticationInfo: { principalEmail: 'admin' },
      requestMetadata: { callerIp: '127.0.0.1' },
      request: { files: ['site.yaml'] },
      status: {},
    },
  });
  await lab.inside('attacker', 'true', 'and its words');
  const exec = await some(`${audit} AND protoPayload.methodName="vauban.v1.instances.exec" AND "and its words"`);
  expect(exec.at(-1)?.protoPayload).toMatchObject({
    resourceName: 'projects/cloud-ids-lab/instances/attacker',
    request: { user: 'root', argv: ['true', 'and its words'] },
  });

  const path = '/v1/projects/cloud-ids-lab/instances/attacker/reset';
  const { token } = await lab.client.post<{ token: string }>('/v1/tokens', { name: 'guest', role: 'viewer' });
  const command = ['--header', `authorization: Bearer ${token}`, '--insecure', '--silent', '--request', 'POST'];
  execFileSync('curl', [...command, `https://127.0.0.1:${lab.settings.port}${path}`]);
  const [refused] = await some(`${audit} AND protoPayload.authenticationInfo.principalEmail="guest"`);
  expect(refused).toMatchObject({
    severity: 'ERROR',
    protoPayload: {
      methodName: 'vauban.v1.instances.reset',
      resourceName: 'projects/cloud-ids-lab/instances/attacker',
      status: { code: 7 },
    },
  });
  const methods = new Set((await read(audit)).map((it) => it.protoPayload?.['methodName']));
  expect([...methods].filter((it) => /read|get|plan|tail/.test(String(it)))).toEqual([]);
});

test('a tail shows entries as they come: packets, sessions and changes', async () => {
  const stop = new AbortController();
  const heard: string[] = [];
  const listening = (async () => {
    const path = `/v1/projects/cloud-ids-lab/logs:tail?filter=${encodeURIComponent('severity>=DEFAULT')}`;
    for await (const { event, data } of lab.client.events(path, stop.signal)) {
      if (event === 'entry')
        heard.push(decodeURIComponent((JSON.parse(data) as LogEntry).logName.split('/logs/')[1] ?? ''));
    }
  })();
  try {
    await eventually(
      async () => {
        await knock(8081);
        await knock(80);
        return new Set(heard);
      },
      (logs) =>
        logs.has('compute.googleapis.com/firewall') &&
        logs.has('cloudaudit.googleapis.com/activity') &&
        logs.has('ids.googleapis.com/traffic'),
      60,
    );
  } finally {
    stop.abort();
    await listening;
  }
});

test('control killed in the middle of a flood loses no logged packet and shows none twice', async () => {
  // It must go on while control, and with it every session, is dead.
  const packets = 'ping -c 1 -W 1 192.168.10.20; echo >/dev/udp/192.168.10.20/9; echo >/dev/udp/192.168.10.20/53';
  const loop = `for i in $(seq 100); do ${packets}; sleep 0.05; done; touch /tmp/flooded`;
  await lab.inside('attacker', 'bash', '-c', `setsid --fork bash -c '${loop}' >/dev/null 2>&1 </dev/null`);
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 700));
    execFileSync('s6-svc', ['-k', `${lab.deployment.scan}/vauban-control`]);
    await eventually(
      () => lab.client.get('/v1/health').catch(() => undefined),
      (health) => health !== undefined,
    );
  }
  await eventually(
    () => lab.inside('attacker', 'test', '-e', '/tmp/flooded'),
    ({ code }) => code === 0,
  );
  const places = { run: lab.deployment.run, state: lab.deployment.hostState };
  const { log } = ulogdPaths(places, { file: 'cloud-ids-lab.network.cloud-ids.json' });
  const written = (): readonly string[] =>
    readFileSync(log, 'utf8')
      .split('\n')
      .flatMap((line) => parsePacket(line) ?? [])
      .map(({ at, source, destination }) => `${at} ${source.address} ${source.port ?? ''} ${destination.port ?? ''}`)
      .toSorted();
  const kept = async (): Promise<readonly string[]> =>
    (await read('log_id("compute.googleapis.com/firewall")'))
      .map((it) => ({ at: it.timestamp, ...(it.jsonPayload?.['connection'] as Record<string, unknown>) }))
      .map(
        (it: Record<string, unknown>) => `${it['at']} ${it['src_ip']} ${it['src_port'] ?? ''} ${it['dest_port'] ?? ''}`,
      )
      .toSorted();
  appendFileSync(log, '{"not": "a packet"}\n');
  const wanted = written();
  expect(wanted.length).toBeGreaterThan(50);
  expect(await eventually(kept, (entries) => entries.length >= wanted.length)).toEqual(written());
  const { items } = await lab.client.get<{ items: HealthItem[] }>('/v1/health');
  expect(items.find((it) => it.part === 'firewall log cloud-ids-lab/cloud-ids')).toMatchObject({
    state: 'warning',
    values: { malformed: 1, lines: wanted.length + 1 },
  });
});
