import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Problem } from '#core/problem.ts';
import { labSite, settled, startApi, type TestApi } from '../../test/api.ts';

type Json = Record<string, unknown>;

let api: TestApi;

beforeEach(async () => {
  api = await startApi();
});

afterEach(async () => {
  await api.close();
});

const at = (body: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((value, step) => (value as Json | undefined)?.[step as string], body);
const code = (body: unknown): unknown => at(body, 'error', 'code');
const vpc = '/v1/projects/lab/networks/vpc';

describe('who may ask', () => {
  test.each([
    ['no token', {}, 'no token'],
    ['a token that nobody made', { authorization: 'Bearer vbn_wrong' }, 'unknown token'],
    ['a password', { authorization: 'Basic YTpi' }, 'no token'],
  ])('%s is refused with the reason and the way in', async (_, headers, reason) => {
    const response = await api.app.request('/v1/health', { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="vauban"');
    expect(await response.json()).toMatchObject({ error: { code: 'UNAUTHENTICATED', message: reason } });
  });

  test('a token ends when its time has come, in whatever zone that was written', async () => {
    const request = { name: 'short', role: 'viewer', expireTime: '2030-01-01T03:00:00+02:00' };
    const { status, body } = await api.ask('POST', '/v1/tokens', request);
    expect(status).toBe(201);
    const headers = { authorization: `Bearer ${String(at(body, 'token'))}` };
    api.pass(3_599_000);
    expect((await api.app.request('/v1/health', { headers })).status).toBe(200);
    api.pass(2000);
    expect((await api.app.request('/v1/health', { headers })).status).toBe(401);
  });

  test('a token that would have ended already is not made', async () => {
    const { status, body } = await api.ask('POST', '/v1/tokens', {
      name: 'x',
      role: 'viewer',
      expireTime: '2029-01-01T00:00:00Z',
    });
    expect([status, at(body, 'error', 'message')]).toEqual([400, '2029-01-01T00:00:00Z has passed already']);
    expect(JSON.stringify((await api.ask('GET', '/v1/tokens')).body)).not.toContain('"x"');
  });

  test('inventing tokens gives no new allowance, and a guest never uses up that of a token', async () => {
    const narrow = await startApi({ rate: 1, burst: 3 });
    const answers: number[] = [];
    for (let n = 0; n < 5; n++)
      answers.push((await narrow.app.request('/v1/health', { headers: { authorization: `Bearer x${n}` } })).status);
    expect(answers).toEqual([401, 401, 401, 429, 429]);
    expect((await narrow.ask('GET', '/v1/health')).status).toBe(200);
    narrow.pass(1000);
    const later = await narrow.app.request('/v1/health');
    expect(later.status).toBe(401);
    expect((await narrow.app.request('/v1/health')).headers.get('retry-after')).toBe('1');
    await narrow.close();
  });
});

describe('what may be sent', () => {
  test.each([
    ['no JSON', '{"files": [', 400, 'INVALID_REQUEST'],
    ['100,000 brackets', `{"files": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 400, 'INVALID_REQUEST'],
    ['a body beyond the limit', `{"message": "${'x'.repeat(17 * 1024 * 1024)}"}`, 413, 'BODY_TOO_LARGE'],
    [
      'a field that nobody knows',
      '{"files": [{"path": "a", "text": "project: lab"}], "confirmSecond": 5}',
      400,
      'INVALID_REQUEST',
    ],
  ])('%s is refused and changes nothing', async (_, body, status, problem) => {
    const answer = await api.ask('POST', '/v1/apply', body);
    expect([answer.status, code(answer.body)]).toEqual([status, problem]);
    expect(api.parts.control.head).toBe(0);
  });

  test('a mistake in a resource is placed by kind, name and field', async () => {
    await api.apply(labSite);
    const { status, body } = await api.ask('PUT', '/v1/projects/lab/firewallRules/web', {
      network: 'vpc',
      rules: ['icmp'],
      sourceRanges: ['x'],
    });
    expect(status).toBe(400);
    expect(at(body, 'error')).toMatchObject({
      at: 'firewallRules/web sourceRanges[0]',
      message: '"x" is not a prefix such as 10.0.0.0/8',
    });
    expect(api.parts.control.head).toBe(1);
  });

  test('a project beyond the rule is refused', async () => {
    const { status, body } = await api.ask('PUT', '/v1/projects/My%20Lab/networks/vpc', {});
    expect([status, at(body, 'error', 'fix')]).toEqual([400, 'Did you mean my-lab?']);
  });

  test.each([
    ['/v1/revisions?limit=x', 'limit'],
    ['/v1/revisions/abc', 'revision'],
    ['/v1/projects/lab/threats?limit=0', 'limit'],
    ['/v1/projects/lab/threats?minimumSeverity=WORST', 'minimumSeverity'],
    ['/v1/projects/lab/threats?from=yesterday', 'from'],
    ['/v1/projects/lab/threats?colour=red', 'colour'],
    ['/v1/projects/lab/networks?limit=99999', 'limit'],
    ['/v1/projects/lab/logs:tail?filter=%3D%3D', 'filter:1:1'],
  ])('%s is refused with the name of what is wrong', async (path, place) => {
    const { status, body } = await api.ask('GET', path);
    expect([status, at(body, 'error', 'at')]).toEqual([400, place]);
  });

  test('what does not exist is told with the nearest that does', async () => {
    await api.apply(labSite);
    const fix = async (path: string): Promise<unknown> => {
      const { status, body } = await api.ask('GET', path);
      expect(status).toBe(404);
      return at(body, 'error', 'fix');
    };
    expect(await fix('/v1/projects/lab/instances/servr')).toBe('Did you mean server?');
    expect(await fix('/v1/projects/lap/instances')).toBe('Did you mean lab?');
    expect(await fix('/v1/projects/lab/instanses')).toBe('Did you mean instances?');
    expect(await fix('/v1/nothing')).toContain('openapi.json');
    expect(await fix('/v1/operations/x')).toContain('vauban history');
    expect(await fix('/v1/projects/lab/threats/00000000000000')).toContain('threats list');
  });
});

describe('resources', () => {
  test('are created, read, replaced and deleted, each change a revision', async () => {
    expect((await api.ask('POST', vpc, {})).status).toBe(202);
    await settled(api);
    const first = await api.ask('GET', vpc);
    expect(first.body).toMatchObject({ name: 'vpc', etag: '1', spec: { mtu: 1460 }, status: { state: 'READY' } });
    expect(first.headers.get('etag')).toBe('"1"');
    expect((await api.ask('POST', vpc, {})).status).toBe(409);
    expect((await api.ask('PUT', vpc, { mtu: 1500 }, { headers: { 'if-match': '"1"' } })).status).toBe(202);
    await settled(api);
    const stale = await api.ask('PUT', vpc, { mtu: 1400 }, { headers: { 'if-match': '"1"' } });
    expect([stale.status, code(stale.body)]).toEqual([412, 'ETAG_MISMATCH']);
    expect((await api.ask('DELETE', vpc, undefined, { headers: { 'if-match': '"1"' } })).status).toBe(412);
    expect((await api.ask('DELETE', vpc)).status).toBe(202);
    await settled(api);
    expect((await api.ask('GET', vpc)).status).toBe(404);
    expect((await api.ask('DELETE', vpc)).status).toBe(404);
    expect(api.parts.control.head).toBe(3);
  });

  test('a table has what a list of the kind shows, by column, and only when it is asked for', async () => {
    await api.apply(labSite);
    const cells = async (path: string, ...place: (string | number)[]) =>
      at((await api.ask('GET', `/v1/projects/lab/${path}`)).body, ...place, 'cells');
    const shown = { NAME: 'vpc', STATE: 'READY' };
    expect(await cells('networks?view=table', 'items', 0)).toMatchObject(shown);
    expect(await cells('networks/vpc?view=table')).toMatchObject(shown);
    expect([await cells('networks', 'items', 0), await cells('networks/vpc')]).toEqual([undefined, undefined]);
    // A kind that says itself how it is doing has no second column for that.
    const titles = Object.keys((await cells('instances/server?view=table')) as object);
    expect([titles[0], titles.filter((it) => /^STAT(E|US)$/.test(it)).length]).toEqual(['NAME', 1]);
  });

  test('connections of a rule that no policy has are not looked for', async () => {
    await api.apply(`
project: lab
segments: { desks: { range: 10.200.0.0/24 } }
filterPolicies: { office: { rules: [{ name: web-out, action: pass }] } }
gateways:
  edge: { interfaces: [{ name: lan, segment: desks, address: 10.200.0.1 }], filterPolicy: office }
`);
    const asked = async (rule: string) => {
      const path = `/v1/projects/lab/gateways/edge/connections?rule=${encodeURIComponent(rule)}`;
      const cut = await api.ask('POST', '/v1/projects/lab/gateways/edge/cut', { rule });
      const { status, body } = await api.ask('GET', path);
      return [cut.status, status, at(body, 'error', 'fix')];
    };
    expect(await asked('lab/filterPolicy/office/web-uot')).toEqual([404, 404, 'Did you mean web-out?']);
    expect(await asked('lab/filterPolicy/ofice/web-out')).toEqual([404, 404, 'Did you mean office?']);
    expect((await asked('lab/filterPolicy/office/web-out'))[0]).toBe(200);
  });

  test('a dry run says what would change and changes nothing', async () => {
    const { status, body } = await api.ask('PUT', `${vpc}?dryRun=true`, {});
    expect([status, at(body, 'resources', 0, 'action')]).toEqual([200, 'create']);
    expect(api.parts.control.head).toBe(0);
  });

  test('what others still use is not deleted, and they are named', async () => {
    await api.apply(labSite);
    const { status, body } = await api.ask('DELETE', vpc);
    expect([status, code(body)]).toEqual([409, 'IN_USE']);
    expect(at(body, 'error', 'message')).toBe('it is used by firewallRules/web network, subnets/a network');
  });

  test('long lists come in pages that make up the whole', async () => {
    const routers = Array.from({ length: 25 }, (_, n) => `  r${n}: { network: vpc, region: us-east1 }`).join('\n');
    await api.apply(`${labSite}routers:\n${routers}\n`);
    const names: unknown[] = [];
    let token: unknown;
    let pages = 0;
    do {
      const query = token === undefined ? '' : `&pageToken=${String(token)}`;
      const { body } = await api.ask('GET', `/v1/projects/lab/routers?limit=10${query}`);
      names.push(...(at(body, 'items') as Json[]).map((it) => it['name']));
      token = at(body, 'nextPageToken');
      pages += 1;
    } while (token !== undefined && pages < 10);
    expect([pages, new Set(names).size]).toEqual([3, 25]);
  });

  test('while an operation works on it, a resource is being created, updated or deleted', async () => {
    const state = async (name: string): Promise<unknown> =>
      at((await api.ask('GET', `/v1/projects/lab/instances/${name}`)).body, 'status', 'state');
    const during = async (site: string, look: () => Promise<void>): Promise<void> => {
      let open = (): void => {};
      api.host.gate = new Promise((resolve) => (open = resolve));
      await api.ask('POST', '/v1/apply', { files: [{ path: 's', text: site }] });
      await look();
      open();
      await settled(api);
    };
    await during(labSite, async () => expect(await state('server')).toBe('CREATING'));
    expect(await state('server')).toBe('RUNNING');
    await during(labSite.replace('tags: [server],', 'tags: [server], startupScript: x,'), async () => {
      expect([await state('server'), await state('attacker')]).toEqual(['UPDATING', 'RUNNING']);
    });
    await during(labSite.replace(/ {2}attacker.*\n/, ''), async () => expect(await state('attacker')).toBe('DELETING'));
  });

  test('a host is staging while it boots, terminated when it is off, and counters stand under their resource', async () => {
    await api.apply(labSite);
    const look = async (path: string): Promise<unknown> =>
      at((await api.ask('GET', `/v1/projects/lab/${path}`)).body, 'status');
    const sandbox =
      api.host.held.find((it) => it.owners.includes('lab/instance/server') && it.engine === 'sandbox')?.id ?? '';
    api.host.seen = () => [
      { artifact: sandbox, state: 'pending', detail: 'it is being booted', values: {} },
      { artifact: 'firewall/net.lab.vpc', state: 'ready', values: { 'lab/firewallRule/web': { hits: 7 } } },
    ];
    expect(await look('instances/server')).toMatchObject({ state: 'STAGING', detail: 'it is being booted' });
    expect(await look('firewallRules/web')).toEqual({ state: 'READY', values: { hits: 7 } });
    api.host.seen = () => [{ artifact: sandbox, state: 'ready', values: { 'lab/instance/server': { running: 0 } } }];
    expect(await look('instances/server')).toMatchObject({ state: 'TERMINATED' });
  });

  test('an instance is restarted by the artifact that runs it', async () => {
    await api.apply(labSite);
    expect((await api.ask('POST', '/v1/projects/lab/instances/server/reset')).status).toBe(200);
    expect(api.host.resets).toEqual(['sandbox/lab/server'].map(() => expect.stringContaining('server')));
    expect((await api.ask('POST', '/v1/projects/lab/instances/srver/reset')).status).toBe(404);
  });
});

describe('whole changes', () => {
  test('a change that waits for its confirmation is kept by it, or taken back', async () => {
    await api.apply('project: lab\nnetworks: { a: {} }\n');
    const files = [{ path: 'site.yaml', text: 'project: lab\nnetworks: { b: {} }\n' }];
    await api.ask('POST', '/v1/apply', { files, confirmSeconds: 60 });
    await settled(api);
    expect((await api.ask('POST', '/v1/revert')).body).toEqual({ revision: 2 });
    expect((await api.ask('GET', '/v1/projects/lab/networks/a')).status).toBe(200);
    await api.ask('POST', '/v1/apply', { files, confirmSeconds: 60 });
    await settled(api);
    expect((await api.ask('POST', '/v1/confirm')).body).toEqual({ revision: 3 });
    expect((await api.ask('POST', '/v1/confirm')).status).toBe(404);
    expect((await api.ask('GET', '/v1/projects/lab/networks/b')).status).toBe(200);
  });

  test('a rollback says what it would change, then brings the former state back', async () => {
    await api.apply('project: lab\nnetworks: { a: {} }\n');
    await api.apply('project: lab\nnetworks: { b: {} }\n');
    const dry = await api.ask('POST', '/v1/revisions/1/rollback?dryRun=true');
    expect(at(dry.body, 'resources', 0)).toMatchObject({ action: 'create', name: 'a' });
    expect((await api.ask('POST', '/v1/revisions/1/rollback')).status).toBe(202);
    await settled(api);
    expect((await api.ask('GET', '/v1/projects/lab/networks/a')).status).toBe(200);
    expect((await api.ask('POST', '/v1/revisions/99/rollback')).status).toBe(404);
  });

  test('a machine that refuses leaves everything as it was, and its reason in operation and history', async () => {
    await api.apply('project: lab\nnetworks: { a: {} }\n');
    api.host.refusal = new Problem('ENGINE_REJECTED', {
      at: 'lab/network/b',
      message: 'nft refused it',
      fix: 'Mend it.',
    });
    const { body } = await api.ask('POST', '/v1/apply', {
      files: [{ path: 's', text: 'project: lab\nnetworks: { b: {} }\n' }],
    });
    await settled(api);
    const operation = await api.ask('GET', `/v1/operations/${String(at(body, 'operation', 'id'))}`);
    expect(operation.body).toMatchObject({ state: 'failed', problem: { code: 'ENGINE_REJECTED' } });
    expect((await api.ask('GET', '/v1/revisions/2')).body).toMatchObject({ state: 'failed' });
    expect((await api.ask('GET', '/v1/projects/lab/networks/a')).status).toBe(200);
  });

  test('a second change is refused while one is being applied', async () => {
    let open = (): void => {};
    api.host.gate = new Promise((resolve) => (open = resolve));
    await api.ask('PUT', vpc, {});
    expect(code((await api.ask('PUT', '/v1/projects/lab/networks/b', {})).body)).toBe('CHANGE_IN_PROGRESS');
    open();
    await settled(api);
  });
});

describe('streams', () => {
  const open = async (path: string, signal?: AbortSignal) => {
    const response = await api.app.request(path, {
      headers: { authorization: `Bearer ${api.tokens.viewer}` },
      ...(signal === undefined ? {} : { signal }),
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    return response;
  };

  test('an operation is told from its first step to its end, however late one asks', async () => {
    const { body } = await api.ask('PUT', vpc, {});
    const path = `/v1/operations/${String(at(body, 'operation', 'id'))}/events`;
    await settled(api);
    const text = await (await open(path)).text();
    expect(text).toMatch(/event: steps\n[\s\S]*event: done\n[\s\S]*"state":"done"/);
  });

  test.each(['/v1/projects/lab/threats:stream', '/v1/projects/lab/logs:tail'])(
    '%s ends when the reader goes',
    async (path) => {
      const response = await open(path);
      const reader = response.body?.getReader();
      if (path.includes('threats')) expect(api.listeners()).toBe(1);
      await reader?.cancel();
      for (let turn = 0; turn < 100 && api.listeners() > 0; turn++)
        await new Promise((resolve) => setTimeout(resolve, 1));
      expect(api.listeners()).toBe(0);
    },
  );

  test('a reader who goes while an operation runs is forgotten', async () => {
    let release = (): void => {};
    api.host.gate = new Promise((resolve) => (release = resolve));
    const { body } = await api.ask('PUT', vpc, {});
    const response = await open(`/v1/operations/${String(at(body, 'operation', 'id'))}/events`);
    await response.body?.getReader().cancel();
    release();
    await settled(api);
    expect((await api.ask('GET', vpc)).status).toBe(200);
  });
});

test('every answer forbids to be stored, sniffed or framed, and carries the id of its request', async () => {
  for (const path of ['/v1/health', '/v1/nothing']) {
    const { headers } = await api.ask('GET', path);
    expect(Object.fromEntries(headers)).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  }
});

test('HEAD answers like GET, without the body', async () => {
  const { status, body } = await api.ask('HEAD', '/v1/health');
  expect([status, body]).toEqual([200, '']);
});

test('what was asked for and refused is in the audit log, under its project', async () => {
  await api.ask('PUT', vpc, {}, { role: 'viewer' });
  expect(api.audited.at(-1)).toMatchObject({ status: 403, projects: ['lab'], identity: { name: 'viewer' } });
});
