import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Role } from '#access/roles.ts';
import { kinds } from '#kinds/index.ts';
import { labSite, startApi, type TestApi } from '../../test/api.ts';
import { breaches, isObject, malformed } from '../../test/json-schema.ts';
import { openApi } from './openapi.ts';

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

/** So that what gateways answer is held against the document, too. */
const gatewaySite = `segments: { lan: { range: 10.2.0.0/24 } }
networkObjects: { printer: { host: 10.2.0.9 } }
filterPolicies:
  office: { rules: [{ name: print, action: pass, destination: [printer], users: ["user:ann@example.com"] }] }
gateways:
  edge: { interfaces: [{ name: lan, segment: lan, address: 10.2.0.1 }], filterPolicy: office, captivePortal: { interfaces: [lan] } }
users: { ann: { email: ann@example.com, displayName: Ann, password: "correct horse battery" } }
directories: { people: {} }
roleBindings:
  desks: { role: roles/gateway.user, members: ["user:ann@example.com"] }
`;

describe('the OpenAPI document', () => {
  const document = openApi() as Json;

  test('every route asks for the role that its documentation names', async () => {
    const roles: readonly Role[] = ['viewer', 'operator', 'admin'];
    for (const { method, path, route } of documentedRoutes()) {
      const [, needed = ''] = /role (\w+)/.exec(String(route['description'])) ?? [];
      if (needed === 'viewer') continue;
      const below = roles[roles.indexOf(needed as Role) - 1] ?? 'viewer';
      const concrete = path.replace(/\{\w+\}/g, 'x');
      const sent = method === 'get' ? undefined : {};
      const { status, body } = await api.ask(method.toUpperCase(), concrete, sent, { role: below });
      expect([path, status, at(body, 'error', 'code')]).toEqual([path, 403, 'PERMISSION_DENIED']);
      const enough = await api.ask(method.toUpperCase(), concrete, sent, { role: needed as Role });
      expect([path, at(enough.body, 'error', 'code') === 'PERMISSION_DENIED']).toEqual([path, false]);
    }
  });

  test('names every route of the API, and no other', () => {
    const served = new Set<string>();
    for (const { method, path } of api.app.routes) {
      if (method === 'ALL' || path === '/*') continue;
      const plain = path.replace(/\/:(\w+)/g, (_, name: string) => `/{${name}}`);
      if (!plain.includes('{plural}')) served.add(`${method.toLowerCase()} ${plain}`);
      else for (const { plural } of kinds) served.add(`${method.toLowerCase()} ${plain.replace('{plural}', plural)}`);
    }
    const documented = documentedRoutes().map(({ method, path }) => `${method} ${path}`);
    expect(documented.toSorted()).toEqual([...served].toSorted());
  });

  test('holds well-formed schemas only', () => {
    const found: string[] = [];
    for (const [name, schema] of Object.entries(at(document, 'components', 'schemas') as Json))
      found.push(...malformed(schema, document, name));
    for (const { path, route } of documentedRoutes()) {
      for (const it of (route['parameters'] ?? []) as Json[]) found.push(...malformed(it['schema'], document, path));
      const body = at(route, 'requestBody', 'content', 'application/json', 'schema');
      if (body !== undefined) found.push(...malformed(body, document, path));
    }
    expect(found).toEqual([]);
  });

  test('describes the answers that are really given', async () => {
    await api.apply(`${labSite}${gatewaySite}`);
    await api.parts.logs.append([
      {
        insertId: 'a',
        logName: 'projects/lab/logs/x',
        resource: { type: 'global', labels: {} },
        timestamp: '2030-01-01T00:00:00Z',
        receiveTimestamp: '2030-01-01T00:00:00Z',
        textPayload: 'hello',
      },
    ]);
    const [operation] = api.parts.operations.list();
    const concrete: Readonly<Record<string, string>> = { project: 'lab', number: '1', id: operation?.id ?? '' };
    const checked: string[] = [];
    for (const { method, path, route } of documentedRoutes()) {
      if (path.endsWith(':stream') || path.endsWith(':tail') || path.endsWith('/events')) continue;
      if (method !== 'get' && !/\/(plan|logs:read|reset)$/.test(path)) continue;
      const kind = kinds.find((it) => path.endsWith(`/${it.plural}/{name}`));
      const own = path.includes('/gateways/') ? 'edge' : 'server';
      const name = kind === undefined ? own : ((await firstOf(kind.plural)) ?? 'none');
      const url = path.replace(/\{(\w+)\}/g, (_, key: string) => concrete[key] ?? name);
      const sent = path.endsWith('/plan') ? { files: [{ path: 's', text: 'project: lab\n' }] } : {};
      const { status, body } = await api.ask(method.toUpperCase(), url, method === 'get' ? undefined : sent);
      const answers = route['responses'] as Json;
      const content = at(answers[String(status)] ?? answers['default'], 'content', 'application/json', 'schema');
      expect([url, status, breaches(content, body, document)]).toEqual([url, status, []]);
      if (status === 200) checked.push(path);
    }
    expect(checked.length).toBeGreaterThan(25);
  });

  const firstOf = async (plural: string): Promise<string | undefined> =>
    at((await api.ask('GET', `/v1/projects/lab/${plural}`)).body, 'items', 0, 'name') as string | undefined;
});

function documentedRoutes(): { method: string; path: string; route: Json }[] {
  const { paths } = openApi() as { paths: Record<string, Record<string, Json>> };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, route]) => (isObject(route) ? [{ method, path, route }] : [])),
  );
}
