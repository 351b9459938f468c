import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Revision } from '#control/store/store.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { type Tries, triesOf } from '../fabric-lab.ts';
import { type WatchedGroup, watchedGroup } from '../instance-group.ts';

let lab: TestDeployment;
let tries: Tries;
let web: WatchedGroup;

/** Answers with the name of its host, and says that it is unwell when told to be. */
const server = `
      cat >/run/server.py <<'END'
      import http.server, os, socket, time
      class Answer(http.server.BaseHTTPRequestHandler):
          protocol_version = 'HTTP/1.1'
          def do_GET(self):
              if self.path == '/slow':
                  open('/run/asked', 'w').close()
                  time.sleep(4)
              well = self.path != '/healthz' or not os.path.exists('/run/unwell')
              body = (socket.gethostname() + '\\n').encode()
              self.send_response(200 if well else 500)
              self.send_header('content-length', str(len(body)))
              self.end_headers()
              self.wfile.write(body)
          def log_message(self, *args): pass
      http.server.ThreadingHTTPServer(('', 80), Answer).serve_forever()
      END
      sleep 1
      setsid python3 /run/server.py </dev/null >/dev/null 2>&1 &
`;

const FRONT = '203.0.113.80';

const site = ({ said = 'one' } = {}) => `
project: balanced
networks: { office: {} }
subnets: { east: { network: office, region: us-east1, range: 10.1.0.0/24 } }
firewallRules:
  front-ends: { network: office, rules: ["tcp:80"], sourceRanges: [130.211.0.0/22, 35.191.0.0/16] }
images: { python: { packages: [python3] } }
instanceTemplates:
  host:
    machineType: e2-micro
    image: python
    interfaces: [{ subnet: east }]
    startupScript: |${server}      echo ${said} >/run/said
healthChecks:
  # Who is unwell says so; a machine that is busy for some seconds makes nobody unwell.
  well: { requestPath: /healthz, checkIntervalSec: 3, timeoutSec: 3, healthyThreshold: 1, unhealthyThreshold: 3 }
instanceGroups:
  web:
    template: host
    region: us-east1
    targetSize: 3
    autoHealingPolicy: { healthCheck: well, initialDelaySec: 20 }
backendServices:
  shop:
    backends: [{ instanceGroup: web }]
    healthChecks: [well]
    connectionDraining: { drainingTimeoutSec: 10 }
urlMaps: { all: { defaultService: shop } }
targetHttpProxies: { plain: { urlMap: all } }
addresses: { front: { type: external, address: ${FRONT} } }
forwardingRules: { front: { targetHttpProxy: plain, address: front } }
instances:
  client: { zone: us-east1-b, image: python, interfaces: [{ network: internet }] }
`;

const CLIENT = 'balanced/client';

/** Asks all the time, a new connection for each request and one that is kept, until it is told to stop. Bounded. */
const load = `
import collections, http.client, json, os, threading, time
end = time.monotonic() + 280
counts, lock = collections.Counter(), threading.Lock()
def note(what):
    with lock: counts[what] += 1
def ask(kept):
    connection = None
    while time.monotonic() < end and not os.path.exists('/run/stop'):
        try:
            if connection is None: connection = http.client.HTTPConnection('${FRONT}', 80, timeout=10)
            connection.request('GET', '/')
            answer = connection.getresponse()
            body = answer.read().decode().strip()
            note('ok' if answer.status == 200 else 'status %d' % answer.status)
            if answer.status == 200: note('by ' + body)
            if not kept or answer.will_close: connection.close(); connection = None
        except Exception as error:
            note(repr(error)); connection = None
        time.sleep(0.02)
threads = [threading.Thread(target=ask, args=(kept,)) for kept in (False, False, True, True)]
for it in threads: it.start()
for it in threads: it.join()
print(json.dumps(counts))
`;

/** Runs work under load; gives how many requests failed, by how, and who answered. */
async function underLoad(
  work: () => Promise<void>,
): Promise<{ ok: number; failed: Record<string, number>; by: string[] }> {
  // On its own, because control may die: a session would end with it.
  await lab.inside('client', 'sh', '-c', 'rm -f /run/stop /run/counts; printf %s "$1" >/run/load.py', 'sh', load);
  await tries.sh(
    CLIENT,
    'setsid sh -c "python3 /run/load.py >/run/new && mv /run/new /run/counts" </dev/null >/dev/null 2>&1 &',
  );
  try {
    await work();
  } finally {
    await tries.sh(CLIENT, 'touch /run/stop');
  }
  const text = await eventually(
    () => tries.sh(CLIENT, 'cat /run/counts 2>/dev/null || true'),
    (it) => it !== '',
  );
  const counts = JSON.parse(text) as Record<string, number>;
  const { ok = 0, ...rest } = counts;
  const failed = Object.fromEntries(Object.entries(rest).filter(([what]) => !what.startsWith('by ')));
  return { ok, failed, by: Object.keys(rest).flatMap((it) => (it.startsWith('by ') ? [it.slice(3)] : [])) };
}

beforeAll(async () => {
  lab = await startDeployment();
  tries = triesOf(lab);
  web = watchedGroup(lab, 'balanced', 'web');
  await lab.apply(site());
  await web.stable();
}, 600_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('a rolling restart with one host out at a time loses no request', async () => {
  const before = await web.names();
  const { ok, failed, by } = await underLoad(async () => {
    const { code, stderr } = await lab.vauban(
      'groups',
      'rolling-restart',
      'web',
      '--max-unavailable',
      '1',
      '--min-ready',
      '0s',
    );
    expect([code, stderr]).toEqual([0, expect.stringContaining('draining')]);
  });
  expect(failed).toEqual({});
  expect(ok).toBeGreaterThan(100);
  expect(by.toSorted()).toEqual(before);
}, 300_000);

test('control dies in the middle of a rolling restart: it goes on to its end, and no request is lost', async () => {
  const { failed } = await underLoad(async () => {
    const begun = await lab.vauban('groups', 'rolling-restart', 'web', '--no-wait');
    expect(begun.code).toBe(0);
    await eventually(web.status, (it) => it.roll?.left === 2, 60);
    spawnSync('s6-svc', ['-k', `${lab.deployment.scan}/vauban-control`]);
    await eventually(
      () => web.status().catch(() => undefined),
      (it) => it?.stable === true && it.roll?.left === 0,
      180,
    );
  });
  expect(failed).toEqual({});
}, 300_000);

test('a new template replaces all hosts and loses no request', async () => {
  const before = await web.names();
  const { ok, failed, by } = await underLoad(async () => {
    await lab.apply(site({ said: 'two' }));
    await web.stable(240);
  });
  expect(failed).toEqual({});
  expect(ok).toBeGreaterThan(100);
  const after = await web.names();
  expect(after.filter((it) => before.includes(it))).toEqual([]);
  expect(by.toSorted()).toEqual([...before, ...after].toSorted());
}, 300_000);

test('with an extra host instead of one out of service, each is replaced only once its successor serves; no request is lost', async () => {
  const before = await web.names();
  const refused = await lab.vauban('groups', 'rolling-replace', 'web', '--max-unavailable', '0');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('maxSurge')]);
  const { ok, failed } = await underLoad(async () => {
    const { code, stderr } = await lab.vauban(
      'groups',
      'rolling-replace',
      'web',
      '--max-unavailable',
      '0',
      '--max-surge',
      '1',
    );
    expect([code, stderr]).toEqual([0, expect.stringContaining('draining')]);
  });
  expect(failed).toEqual({});
  expect(ok).toBeGreaterThan(100);
  expect((await web.names()).filter((it) => before.includes(it))).toEqual([]);
  const { revisions } = await lab.client.get<{ revisions: Revision[] }>('/v1/revisions?limit=6');
  const deeds = revisions.map((it) => /^group web (makes|deletes)/.exec(it.message)?.[1]);
  expect(deeds.toReversed()).toEqual(['makes', 'deletes', 'makes', 'deletes', 'makes', 'deletes']);
}, 300_000);

test('growing and shrinking lose no request', async () => {
  const { failed } = await underLoad(async () => {
    await lab.vauban('groups', 'resize', 'web', '4');
    await web.stable();
    await lab.vauban('groups', 'resize', 'web', '2');
    await web.stable();
    await lab.vauban('groups', 'resize', 'web', '3');
    await web.stable();
  });
  expect(failed).toEqual({});
}, 300_000);

test('a host that says that it is unwell is recreated, and only that one; the reason is in the log', async () => {
  const [bad = '', ...others] = await web.names();
  await tries.sh(`balanced/${bad}`, 'touch /run/unwell');
  const sick = await eventually(web.status, (it) => it.items.some((one) => one.healthState === 'UNHEALTHY'), 60);
  expect(sick.items.find((it) => it.name === bad)?.lastError).toContain('it fails its health check: wrong status 500');
  await eventually(web.names, (it) => !it.includes(bad), 90);
  await web.stable();
  expect(await web.names()).toEqual(expect.arrayContaining(others));
  const { stdout } = await lab.vauban('logs', 'read', 'protoPayload.methodName:"healInstance"', '-o', 'json');
  expect(stdout).toContain('wrong status 500');
}, 240_000);

test('a group that shrinks to nothing lets its hosts finish what they have; then it is deleted, as plan says', async () => {
  const doomed = await web.names();
  await tries.sh(
    CLIENT,
    `setsid sh -c "curl -s -o /dev/null -w '%{http_code}' http://${FRONT}/slow >/run/new; mv /run/new /run/slow" </dev/null >/dev/null 2>&1 &`,
  );
  await eventually(
    () => Promise.all(doomed.map((it) => tries.sh(`balanced/${it}`, 'ls /run/asked 2>/dev/null || true'))),
    (it) => it.includes('/run/asked'),
    30,
  );
  expect((await lab.vauban('groups', 'resize', 'web', '0')).code).toBe(0);
  await web.stable();
  expect(await web.names()).toEqual([]);
  const slow = await eventually(
    () => tries.sh(CLIENT, 'cat /run/slow 2>/dev/null || true'),
    (it) => it !== '',
  );
  expect(slow).toBe('200');
  const bare = site().replace(/instanceGroups:[\s\S]*?backendServices:/, 'backendServices:');
  const without = bare.replace('backends: [{ instanceGroup: web }]', 'backends: []');
  const plan = await lab.client.post<{ resources: { meaning: string[] }[] }>('/v1/plan', {
    files: [{ path: 'site.yaml', text: without }],
  });
  expect(plan.resources.flatMap((it) => it.meaning)).toContain('deletes group web');
  await lab.apply(without);
}, 240_000);
