import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { instanceGroup } from '#kinds/instance-group/kind.ts';
import { settled, startApi, type TestApi } from '../../../test/api.ts';
import type { Operation } from '../operations.ts';
import type { GroupStatus } from './status.ts';

let api: TestApi;
/** First processes by instance; a restart gives another one. */
let boots: Map<string, number>;
/** Instances that do not run. */
let down: Set<string>;

const site = ({ size = 3, type = 'e2-micro', policy = '' } = {}) => `project: lab
networks: { vpc: {} }
subnets: { a: { network: vpc, region: us-east1, range: 10.1.0.0/24 } }
instanceTemplates: { host: { machineType: ${type}, interfaces: [{ subnet: a }] } }
instanceGroups: { web: { template: host, region: us-east1, targetSize: ${size}${policy} } }
`;

const base = '/v1/projects/lab/instanceGroups/web';
const group = () => api.parts.control.snapshot.get(instanceGroup, 'lab', 'web');
const names = (): string[] => group().assigned.members.map((it) => it.name);
const status = async (): Promise<GroupStatus> => (await api.ask('GET', `${base}/instances`)).body as GroupStatus;
const actions = async (): Promise<string[]> =>
  (await status()).items.map((it) => it.action).filter((it) => it !== 'NONE');
const stopped = () => api.host.held.filter((it) => it.engine === 'sandbox' && down.has(it.id.split('/').at(-1) ?? ''));

/** As many looks as it takes; `each`: what to see to after every one. */
async function turns(count: number, each: () => void | Promise<void> = () => {}): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await api.turn();
    await each();
    api.pass(1000);
  }
}

/** Restarts that were ordered are carried out: the host comes up with another first process. */
const reboot = (): void => {
  for (const id of api.host.resets.splice(0)) boots.set(id, (boots.get(id) ?? 1) + 1);
};

beforeEach(async () => {
  api = await startApi();
  boots = new Map();
  down = new Set();
  api.host.seen = () =>
    api.host.held.map((it) => {
      const off = stopped().includes(it);
      const values = { running: off ? 0 : 1, boot: off ? 0 : (boots.get(it.id) ?? 1) };
      const state = off ? ('pending' as const) : ('ready' as const);
      const owned = it.engine === 'sandbox' ? Object.fromEntries(it.owners.map((owner) => [owner, values])) : {};
      return { artifact: it.id, state, ...(off ? { detail: 'the instance is being booted' } : {}), values: owned };
    });
});
afterEach(() => api.close());

const roll = async (body: object): Promise<Operation> => {
  const answer = await api.ask('POST', `${base}/roll`, body);
  expect(answer.status).toBe(202);
  return (answer.body as { operation: Operation }).operation;
};
const operation = async ({ id }: Operation): Promise<Operation> =>
  (await api.ask('GET', `/v1/operations/${id}`)).body as Operation;

describe('a group', () => {
  test('is stable when all of its hosts run', async () => {
    await api.apply(site());
    await turns(2);
    const { stable, items } = await status();
    expect([stable, items.map((it) => [it.status, it.action, it.current])]).toEqual([
      true,
      [...Array(3)].map(() => ['RUNNING', 'NONE', true]),
    ]);
  });

  test('shrinks by those that do not work, after they were taken out of service', async () => {
    await api.apply(site());
    await turns(2);
    const [sick = ''] = names();
    down.add(sick);
    await turns(12);
    expect((await api.ask('POST', `${base}/resize`, { size: 2 })).status).toBe(202);
    await settled(api);
    expect(
      group()
        .assigned.members.filter((it) => it.leaving)
        .map((it) => it.name),
    ).toEqual([sick]);
    expect(names()).toHaveLength(3);
    await turns(2);
    expect(names()).toHaveLength(2);
    expect(names()).not.toContain(sick);
  });

  test('keeps its hosts from being changed or deleted one by one, with a way out', async () => {
    await api.apply(site());
    const [name = ''] = names();
    const deleted = await api.ask('DELETE', `/v1/projects/lab/instances/${name}`);
    expect([deleted.status, JSON.stringify(deleted.body)]).toEqual([409, expect.stringContaining('groups resize web')]);
    const { body } = await api.ask('GET', `/v1/projects/lab/instances/${name}`);
    const put = await api.ask('PUT', `/v1/projects/lab/instances/${name}`, (body as { spec: object }).spec);
    expect([put.status, JSON.stringify(put.body)]).toEqual([
      409,
      expect.stringContaining('it is a part of instanceGroup web'),
    ]);
  });
});

describe('a roll', () => {
  beforeEach(async () => {
    await api.apply(site());
    await turns(2);
  });

  test('restarts one host after the other, each only when the one before has booted', async () => {
    const begun = await roll({ action: 'RESTART', maxUnavailable: 1 });
    await turns(5);
    expect([api.host.resets.length, await actions()]).toEqual([1, ['RESTARTING']]);
    const ordered: string[] = [];
    await turns(12, () => {
      ordered.push(...api.host.resets);
      expect(api.host.resets.length).toBeLessThanOrEqual(1);
      reboot();
    });
    expect(new Set(ordered).size).toBe(3);
    expect([(await operation(begun)).state, (await status()).stable]).toEqual(['done', true]);
    expect(names()).toHaveLength(3);
  });

  test('replaces every host by a new one of another name in the same zone', async () => {
    const before = names();
    const zones = group()
      .assigned.members.map((it) => it.zone)
      .toSorted();
    const begun = await roll({ action: 'REPLACE' });
    await turns(8);
    expect(names().filter((it) => before.includes(it))).toEqual([]);
    expect(
      group()
        .assigned.members.map((it) => it.zone)
        .toSorted(),
    ).toEqual(zones);
    expect((await operation(begun)).state).toBe('done');
  });

  test('waits for a host that does not come up, says so, and goes on when it does', async () => {
    const begun = await roll({ action: 'REPLACE' });
    await api.turn();
    const fresh = names();
    for (const it of group().assigned.members) if (it.roll !== undefined) down.add(it.name);
    await turns(5);
    expect(names()).toEqual(fresh);
    const { stable, reason } = await status();
    expect([stable, reason]).toEqual([false, expect.stringMatching(/2 of 3 hosts .* is not in service: .*booted/)]);
    expect(await api.ask('GET', base)).toMatchObject({ body: { status: { state: 'UPDATING' } } });
    api.pass(400_000);
    await turns(1);
    expect(await operation(begun)).toMatchObject({ state: 'failed', problem: { code: 'UNMET' } });
    down.clear();
    await turns(8);
    expect((await status()).stable).toBe(true);
    expect(names().filter((it) => fresh.includes(it))).toHaveLength(1);
  });

  test('keeps its hosts in service for as long as is asked for before it goes on', async () => {
    await roll({ action: 'REPLACE', minReadySec: 30 });
    await turns(25);
    expect(group().assigned.members.filter((it) => it.roll !== undefined)).toHaveLength(0);
    await turns(10);
    expect(group().assigned.members.filter((it) => it.roll !== undefined)).toHaveLength(1);
  });

  test('that another one takes over ends with a word about it', async () => {
    const first = await roll({ action: 'RESTART' });
    await roll({ action: 'REPLACE' });
    expect(await operation(first)).toMatchObject({ state: 'failed', problem: { code: 'CONFLICTING' } });
  });

  test('that could never go on is refused with a way out', async () => {
    const idle = await api.ask('POST', `${base}/roll`, { action: 'REPLACE', maxUnavailable: 0 });
    const extra = await api.ask('POST', `${base}/roll`, { action: 'RESTART', maxUnavailable: 0, maxSurge: 1 });
    expect([idle.status, JSON.stringify(idle.body)]).toEqual([422, expect.stringContaining('Let `maxSurge` or')]);
    expect([extra.status, JSON.stringify(extra.body)]).toEqual([422, expect.stringContaining('Let `maxUnavailable`')]);
    expect(group().assigned.roll).toBe(undefined);
  });

  test('with an extra host keeps three in service, and shows the one that waits for its successor as out of date', async () => {
    const before = names();
    const begun = await roll({ action: 'REPLACE', maxUnavailable: 0, maxSurge: 1 });
    await api.turn();
    const extra = names().filter((it) => !before.includes(it));
    expect([extra.length, names().length]).toEqual([1, 4]);
    down.add(extra[0] ?? '');
    await turns(10);
    expect(names()).toEqual(expect.arrayContaining(before));
    expect((await status()).items.filter((it) => it.current).map((it) => it.name)).toEqual(extra);
    down.clear();
    await turns(20, () => expect(names().length).toBeGreaterThanOrEqual(3));
    expect(names().filter((it) => before.includes(it))).toEqual([]);
    expect([names().length, (await operation(begun)).state, (await status()).stable]).toEqual([3, 'done', true]);
  });

  test('people’s changes wait for its own', async () => {
    await api.apply(site({ type: 'e2-small' }));
    const turning = api.turn();
    await api.apply(site({ type: 'e2-small', size: 4 }));
    await turning;
    await turns(12);
    expect([names().length, (await status()).stable]).toEqual([4, true]);
  });
});

describe('autohealing', () => {
  const healed = site({ policy: ', autoHealingPolicy: { healthCheck: well, initialDelaySec: 60 }' }).replace(
    'instanceGroups:',
    'healthChecks: { well: {} }\ninstanceGroups:',
  );
  /** What the load balancer's checks find out; whoever is not named is well. */
  const sick = new Map<string, string>();

  beforeEach(() => {
    sick.clear();
    const before = api.host.seen;
    api.host.seen = () => [
      ...(before?.() ?? []).filter((it) => it.artifact !== 'haproxy/lab'),
      {
        artifact: 'haproxy/lab',
        state: 'ready',
        values: Object.fromEntries(
          names().map((it) => [`lab/instanceGroup/web/${it}`, { healthy: sick.has(it) ? 0 : 1, sessions: 0 }]),
        ),
        details: Object.fromEntries(sick.entries().map(([name, why]) => [`lab/instanceGroup/web/${name}`, why])),
      },
    ];
  });

  test('recreates a host that does not answer for longer than it may, and tells why', async () => {
    await api.apply(healed);
    await turns(3);
    const [bad = '', ...others] = names();
    sick.set(bad, 'connection refused or unreachable');
    await turns(20);
    expect(await status()).toMatchObject({
      stable: false,
      reason: `${bad} is not in service: it fails its health check: connection refused or unreachable`,
    });
    expect(names()).toContain(bad);
    await turns(60);
    expect(names()).not.toContain(bad);
    expect(names()).toEqual(expect.arrayContaining(others));
    expect((await status()).stable).toBe(true);
    const { body } = await api.ask('GET', '/v1/revisions?limit=1');
    expect(JSON.stringify(body)).toContain(`recreates ${bad}: it fails its health check: connection refused`);
    const read = await api.ask('POST', '/v1/projects/lab/logs:read', { filter: 'healInstance' });
    expect(JSON.stringify(read.body)).toContain('connection refused or unreachable');
  });

  test('takes one at a time, and gives the next one time to come up', async () => {
    await api.apply(healed);
    await turns(3);
    const before = names();
    for (const it of before) sick.set(it, 'no answer in time');
    const others = (): string[] => names().filter((it) => !before.includes(it));
    await turns(65, () => {
      for (const it of others()) sick.set(it, 'no answer in time');
    });
    const fresh = others();
    expect(fresh).toHaveLength(1);
    await turns(30);
    expect(others()).toEqual(fresh);
    sick.delete(fresh[0] ?? '');
    await turns(1);
    expect(others()).toHaveLength(2);
  });

  test('leaves hosts alone as long as it is not known how they are', async () => {
    await api.apply(healed);
    await turns(3);
    const before = names();
    for (const it of before) sick.set(it, 'not checked yet');
    await turns(100);
    expect(names()).toEqual(before);
  });
});

describe('a changed template', () => {
  const versions = () => group().assigned.members.map((it) => it.version === group().assigned.version);

  test('is rolled out one host at a time; the same site again does not hurry it; unchanged hosts are left alone', async () => {
    await api.apply(site());
    await turns(2);
    await api.apply(site({ type: 'e2-small' }));
    expect(versions()).toEqual([false, false, false]);
    await api.turn();
    expect(versions().filter(Boolean)).toHaveLength(1);
    await api.apply(site({ type: 'e2-small' }));
    await api.apply(site({ type: 'e2-small', size: 4 }));
    expect(versions().filter(Boolean)).toHaveLength(2);
    await turns(10);
    expect(versions()).toEqual([true, true, true, true]);
    const sizes = api.parts.control.snapshot.resources.filter((it) => it.kind === 'instance').map((it) => it.spec);
    expect(sizes).toMatchObject([...Array(4)].map(() => ({ machineType: 'e2-small' })));
  });

  test('that is taken back on the way brings back those that had it, one at a time', async () => {
    await api.apply(site());
    await turns(2);
    await api.apply(site({ type: 'e2-small' }));
    await turns(3);
    const on = versions().filter(Boolean).length;
    expect(on).toBeGreaterThan(0);
    const answer = await api.ask('POST', '/v1/revisions/1/rollback', {});
    expect(answer.status).toBe(202);
    await settled(api);
    expect(versions().filter((it) => !it)).toHaveLength(on);
    await turns(10);
    expect([versions(), (await status()).stable]).toEqual([[true, true, true], true]);
  });

  test('reaches nobody by itself in an opportunistic group', async () => {
    const policy = ', updatePolicy: { type: OPPORTUNISTIC }';
    await api.apply(site({ policy }));
    await turns(2);
    await api.apply(site({ policy, type: 'e2-small' }));
    await turns(5);
    expect([versions(), (await status()).stable]).toEqual([[false, false, false], true]);
    await roll({ action: 'RESTART' });
    await turns(20, reboot);
    expect(versions()).toEqual([true, true, true]);
  });

  test('is taken up by a restart where that is enough, and the host boots after it has it', async () => {
    const policy = ', updatePolicy: { minimalAction: RESTART }';
    await api.apply(site({ policy }));
    await turns(2);
    const before = names();
    await api.apply(site({ policy, type: 'e2-small' }));
    await api.turn();
    expect([versions().filter(Boolean).length, api.host.resets.length]).toEqual([1, 1]);
    await turns(20, reboot);
    expect([names(), versions(), (await status()).stable]).toEqual([before, [true, true, true], true]);
  });
});
