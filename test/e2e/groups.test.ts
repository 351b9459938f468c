import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Revision } from '#control/store/store.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { answers, type Tries, triesOf } from '../fabric-lab.ts';
import { type WatchedGroup, watchedGroup } from '../instance-group.ts';

let lab: TestDeployment;
let tries: Tries;
let web: WatchedGroup;

const site = ({ size = 3, said = 'one', action = 'REPLACE' } = {}) => `
project: groups
networks: { office: {} }
segments: { desks: { range: 10.200.0.0/24 } }
subnets: { east: { network: office, region: us-east1, range: 10.1.0.0/24 } }
firewallRules: { web: { network: office, rules: ["tcp:80"], targetTags: [http-server] } }
instanceTemplates:
  host:
    machineType: e2-micro
    interfaces: [{ subnet: east }]
    firewall: [http]
    startupScript: |${answers(80)}      echo ${said} >>/root/said
  desk:
    machineType: e2-micro
    interfaces: [{ segment: desks, addressing: dhcp }]
    startupScript: |${answers(80)}      echo up >>/root/said
instanceGroups:
  desks: { template: desk, region: us-east1, targetSize: 2 }
  web:
    template: host
    region: us-east1
    targetSize: ${size}
    updatePolicy: { minimalAction: ${action} }
instances:
  client: { zone: us-east1-b, interfaces: [{ subnet: east, address: 10.1.0.10 }] }
`;

const said = (name: string): Promise<string> =>
  tries.sh(`groups/${name}`, 'tr "\\n" " " </root/said 2>/dev/null || true').then((it) => it.trim());

/** Every host answers the client under its own name. */
async function allAnswer(): Promise<void> {
  for (const name of await web.names()) {
    await tries.listening(`groups/${name}`);
    expect(await tries.ask('groups/client', name)).toBe(`10.1.0.10 ${name}`);
  }
}

beforeAll(async () => {
  lab = await startDeployment();
  tries = triesOf(lab);
  web = watchedGroup(lab, 'groups', 'web');
  await lab.apply(site());
  await web.stable();
}, 600_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('three hosts stand in three zones, answer by their names, and are listed with state and version', async () => {
  await allAnswer();
  const { items } = await web.status();
  expect(items.map((it) => it.zone).toSorted()).toEqual(['us-east1-b', 'us-east1-c', 'us-east1-d']);
  const { stdout } = await lab.vauban('groups', 'list-instances', 'web');
  expect(stdout.split('\n')[0]).toMatch(
    /^NAME +ZONE +STATUS +HEALTH_STATE +ACTION +INSTANCE_TEMPLATE +VERSION_NAME +LAST_ERROR/,
  );
  expect(stdout.match(/RUNNING/g)).toHaveLength(3);
  const list = await lab.vauban('get', 'instanceGroups');
  expect(list.stdout).toMatch(/web +us-east1 +region +web +3 +3 +host +no/);
});

test('a host whose first process is killed comes back by itself', async () => {
  const [name = ''] = await web.names();
  const before = await said(name);
  await tries.sh(`groups/${name}`, 'kill -9 -1; kill -KILL 1; kill -SEGV 1; reboot -f').catch(() => {});
  await eventually(
    () => said(name).catch(() => ''),
    // While it is down, what comes instead is a message.
    (it) => it.startsWith(before) && it.length > before.length,
    60,
  );
  await web.stable();
  await allAnswer();
});

test('a group grows and shrinks; whoever stays keeps everything', async () => {
  const before = await web.names();
  expect((await lab.vauban('groups', 'resize', 'web', '4')).code).toBe(0);
  await web.stable();
  expect(await web.names()).toEqual(expect.arrayContaining(before));
  await allAnswer();
  expect((await lab.vauban('groups', 'resize', 'web', '3')).code).toBe(0);
  await web.stable();
  expect(await web.names()).toEqual(before);
  expect((await lab.vauban('get', 'instances')).stdout.match(/web-/g)).toHaveLength(3);
});

test('a rolling restart boots every host once, one at a time', async () => {
  const before = new Map<string, string>();
  for (const name of await web.names()) before.set(name, await said(name));
  const most = { away: 0 };
  const watch = setInterval(() => {
    void web.status().then(({ items }) => {
      most.away = Math.max(most.away, items.filter((it) => it.action !== 'NONE').length);
    });
  }, 100);
  const { code, stdout, stderr } = await lab.vauban(
    'groups',
    'rolling-restart',
    'web',
    '--max-unavailable',
    '1',
    '--min-ready',
    '1s',
  );
  clearInterval(watch);
  expect([code, stdout, stderr]).toEqual([0, 'Restarted every host of web.\n', expect.stringContaining('restarting')]);
  for (const [name, text] of before)
    expect(
      await eventually(
        () => said(name),
        (it) => it !== text,
      ),
    ).toBe(`${text} one`);
  expect([...before.keys()]).toEqual(await web.names());
  // While one comes back the ones before it may still have to prove themselves; all of them are never away.
  expect(most.away).toBeLessThan(3);
  await allAnswer();
});

test('a rolling replacement gives new hosts without old files', async () => {
  const before = await web.names();
  await tries.sh(`groups/${before[0]}`, 'echo mine >/root/file');
  expect(await lab.vauban('groups', 'rolling-replace', 'web')).toMatchObject({ code: 0 });
  const after = await web.names();
  expect(after.filter((it) => before.includes(it))).toEqual([]);
  for (const name of after)
    expect(await tries.sh(`groups/${name}`, 'cat /root/file 2>/dev/null || echo none')).toBe('none');
  await allAnswer();
});

test('plan tells what a changed template will do; control dies in the middle of it, and the rest follows', async () => {
  const newer = site({ said: 'two' });
  const plan = await lab.client.post<{ resources: { meaning: string[] }[] }>('/v1/plan', {
    files: [{ path: 'site.yaml', text: newer }],
  });
  expect(plan.resources.flatMap((it) => it.meaning)).toEqual(['replaces 3 hosts of group web, at most 1 at a time']);
  await lab.apply(newer);
  await eventually(
    web.status,
    (it) => it.items.some((item) => item.current) && it.items.some((item) => !item.current),
    60,
  );
  spawnSync('s6-svc', ['-k', `${lab.deployment.scan}/vauban-control`]);
  await eventually(
    () => web.status().catch(() => undefined),
    (it) => it !== undefined,
    30,
  );
  // The same site again must not hurry it.
  await eventually(
    () =>
      lab.apply(newer).then(
        () => true,
        () => false,
      ),
    (it) => it,
    30,
  );
  await web.stable(180);
  for (const name of await web.names()) {
    await tries.listening(`groups/${name}`);
    expect(await said(name)).toBe('two');
  }
  const { revisions } = await lab.client.get<{ revisions: Revision[] }>('/v1/revisions?limit=20');
  const replaced = revisions.filter((it) => it.author === 'instance-group-manager' && it.state === 'applied');
  expect(replaced.length).toBeGreaterThanOrEqual(3);
  expect(replaced.every((it) => it.changes.filter((change) => change.action === 'delete').length <= 1)).toBe(true);
}, 300_000);

test('hosts of a group on a segment find each other by name; one that dies comes back under its name and address', async () => {
  const desks = watchedGroup(lab, 'groups', 'desks');
  await desks.stable();
  const [one = '', other = ''] = await desks.names();
  const address = (name: string) =>
    tries.sh(`groups/${name}`, "ip -4 -o addr show dev eth0 | awk '{ print $4 }'").then((it) => it.trim());
  const own = await address(one);
  const answered = async () => {
    for (const it of [one, other]) await tries.listening(`groups/${it}`);
    expect(await tries.ask(`groups/${one}`, other)).toBe(`${own.split('/')[0]} ${other}`);
    expect(await tries.ask(`groups/${other}`, one)).toMatch(new RegExp(` ${one}$`));
  };
  await answered();
  const before = await said(one);
  await tries.sh(`groups/${one}`, 'kill -9 -1; kill -KILL 1; kill -SEGV 1; reboot -f').catch(() => {});
  await eventually(
    () => said(one).catch(() => ''),
    (it) => it.startsWith(before) && it.length > before.length,
    60,
  );
  await desks.stable();
  expect([await desks.names(), await address(one)]).toEqual([[one, other], own]);
  await answered();
}, 200_000);
