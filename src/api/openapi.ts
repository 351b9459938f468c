import * as z from 'zod';
import { Threat } from '#control/threats/threat.ts';
import { type AnyKind, kinds } from '#kinds/index.ts';
import { canonical } from '#lib/hash.ts';
import { inSentence } from '#lib/text.ts';
import { Configuration } from '#plan/backup.ts';
import { answers, pageOf, resourceSchema } from './answers.ts';
import { certificateRoutes } from './certificate-openapi.ts';
import { gatewayRoutes, sslVpnRoutes } from './gateway-openapi.ts';
import { type Json, reference } from './json-schema.ts';
import { accepted, events, ok, operator, planned, type Route, type Routes } from './openapi-route.ts';
import {
  ChangeQuery,
  DryRunQuery,
  ForceQuery,
  HistoryQuery,
  ImportRequest,
  InviteRequest,
  ReadRequest,
  RenameRequest,
  ResizeRequest,
  ResourcesQuery,
  RollbackRequest,
  RollRequest,
  SerialQuery,
  SiteRequest,
  SshKeyRequest,
  StreamQuery,
  TailQuery,
  ThreatQuery,
  TokenRequest,
  ViewQuery,
} from './requests.ts';

/** Every route that does not depend on kinds. `schemas` turns a request's schema into one of the document's. */
const fixedRoutes = (bodyOf: (schema: z.ZodType) => Json): Routes => ({
  '/v1/health': { get: { summary: 'Health of every part', answers: ok('Health') } },
  '/v1/schema': { get: { summary: 'JSON Schema of a site file', answers: ok('Document') } },
  '/v1/openapi.json': { get: { summary: 'This document', answers: ok('Document') } },
  '/v1/artifacts': { get: { summary: 'What the machine holds', answers: ok('Artifacts') } },
  '/v1/projects': { get: { summary: 'Names of projects', answers: ok('Projects') } },
  '/v1/plan': { post: { summary: 'What a site would change', body: bodyOf(SiteRequest), answers: ok('Difference') } },
  '/v1/apply': { post: { summary: 'Apply a site', ...operator, body: bodyOf(SiteRequest), answers: accepted } },
  '/v1/backup': {
    get: {
      summary: 'All that is declared and chosen, secrets sealed; with `Accept: application/x-ndjson` line by line',
      role: 'admin',
      answers: ok('Backup'),
    },
  },
  '/v1/restore': {
    post: {
      summary:
        'Make projects what they were in a backup, with what was chosen there; as `application/x-ndjson`, a `resource` or a `choice` in each line, up to 256 MiB instead of 16',
      role: 'admin',
      query: DryRunQuery,
      body: bodyOf(Configuration),
      answers: planned,
    },
  },
  '/v1/confirm': { post: { summary: 'Keep the pending revision', ...operator, answers: ok('RevisionNumber') } },
  '/v1/revert': { post: { summary: 'Take the pending revision back', ...operator, answers: ok('RevisionNumber') } },
  '/v1/revisions': { get: { summary: 'History, newest first', query: HistoryQuery, answers: ok('Revisions') } },
  '/v1/revisions/{number}': { get: { summary: 'One revision', answers: ok('Revision') } },
  '/v1/revisions/{number}/rollback': {
    post: {
      summary: 'Back to how everything was at a revision',
      ...operator,
      query: DryRunQuery,
      body: bodyOf(RollbackRequest),
      answers: planned,
    },
  },
  '/v1/operations': { get: { summary: 'The last operations, newest first', answers: ok('Operations') } },
  '/v1/operations/{id}': { get: { summary: 'One operation', answers: ok('Operation') } },
  '/v1/operations/{id}/events': { get: { summary: 'Progress of an operation, live', answers: events } },
  '/v1/tokens': {
    get: { summary: 'Tokens, without their secrets', role: 'admin', answers: ok('Tokens') },
    post: {
      summary: 'Make a token',
      role: 'admin',
      body: bodyOf(TokenRequest),
      answers: { 201: { schema: 'NewToken' } },
    },
  },
  '/v1/tokens/{name}': { delete: { summary: 'Delete a token', role: 'admin', answers: ok('Empty') } },
  '/v1/machines': {
    get: { summary: 'Machines that have joined, and whether they are connected', answers: ok('Machines') },
  },
  '/v1/machines:invite': {
    post: {
      summary: 'Let a machine join, once, within 15 minutes',
      role: 'admin',
      body: bodyOf(InviteRequest),
      answers: { 201: { schema: 'MachineToken' } },
    },
  },
  '/v1/machines/{name}': {
    delete: { summary: 'Send a machine away', role: 'admin', query: ForceQuery, answers: ok('Empty') },
  },
  '/v1/projects/{project}/threats': {
    get: { summary: 'Threats', query: ThreatQuery, answers: ok('Threats') },
  },
  '/v1/projects/{project}/threats:counts': {
    get: { summary: 'Counts of threats by severity and name', answers: ok('ThreatCounts') },
  },
  '/v1/projects/{project}/threats:stream': {
    get: { summary: 'Threats as they come, live', query: StreamQuery, answers: events },
  },
  '/v1/projects/{project}/threats/{id}': {
    get: { summary: 'One threat with its payload and packet', answers: ok('Threat') },
  },
  '/v1/projects/{project}/threats/{id}/pcap': {
    get: { summary: 'Packets of the session of a threat', answers: { 200: { type: 'application/vnd.tcpdump.pcap' } } },
  },
  '/v1/projects/{project}/logs': { get: { summary: 'Names of logs', answers: ok('LogNames') } },
  '/v1/projects/{project}/logs:read': {
    post: { summary: 'Log entries by a query', body: bodyOf(ReadRequest), answers: ok('LogEntries') },
  },
  '/v1/projects/{project}/logs:tail': {
    get: { summary: 'Log entries as they come, live', query: TailQuery, answers: events },
  },
  '/v1/projects/{project}/objects:import': {
    post: {
      summary: 'Make or replace many objects, all of them or none',
      ...operator,
      query: DryRunQuery,
      body: bodyOf(ImportRequest),
      answers: planned,
    },
  },
  '/v1/projects/{project}/instances/{name}/serial': {
    get: { summary: 'What an instance said on its serial console', query: SerialQuery, answers: ok('SerialText') },
  },
  '/v1/projects/{project}/instances/{name}/ssh-keys': {
    post: {
      summary: 'Let an instance accept an SSH key for a while',
      ...operator,
      body: bodyOf(SshKeyRequest),
      answers: ok('LentKey'),
    },
  },
  '/v1/projects/{project}/instances/{name}/reset': {
    post: { summary: 'Restart an instance', ...operator, answers: ok('Empty') },
  },
  '/v1/projects/{project}/instanceGroups/{name}/instances': {
    get: { summary: 'The hosts of an instance group, and how it is doing', answers: ok('ManagedInstances') },
  },
  '/v1/projects/{project}/segments/{name}/leases': {
    get: { summary: 'Who has which address of a segment by DHCP', answers: ok('Leases') },
  },
  '/v1/projects/{project}/instanceGroups/{name}/resize': {
    post: {
      summary: 'Give an instance group another number of hosts',
      ...operator,
      body: bodyOf(ResizeRequest),
      answers: accepted,
    },
  },
  '/v1/projects/{project}/instanceGroups/{name}/roll': {
    post: {
      summary: 'Restart or replace every host of an instance group',
      ...operator,
      body: bodyOf(RollRequest),
      answers: accepted,
    },
  },
});

const kindRoutes = (kind: AnyKind): Routes => {
  const title = titleOf(kind);
  const one = inSentence(kind.title);
  const body = reference(`${title}Spec`);
  const base = `/v1/projects/{project}/${kind.plural}`;
  return {
    [base]: { get: { summary: `${kind.title}: all`, query: ResourcesQuery, answers: ok(`${title}List`) } },
    [`${base}/{name}`]: {
      get: { summary: `One ${one}`, query: ViewQuery, answers: ok(title) },
      post: { summary: `Create: ${one}`, ...operator, query: ChangeQuery, body, answers: planned },
      put: { summary: `Create or replace: ${one}`, ...operator, query: ChangeQuery, body, answers: planned },
      delete: { summary: `Delete: ${one}`, ...operator, query: ChangeQuery, answers: planned },
    },
    [`${base}/{name}/rename`]: {
      post: {
        summary: `Give another name, also wherever others refer to it: ${one}`,
        ...operator,
        body: reference('RenameRequest'),
        answers: accepted,
      },
    },
  };
};

const titleOf = (kind: AnyKind): string => z.globalRegistry.get(kind.spec)?.id ?? kind.kind;

/** OpenAPI 3.1 of the API; what depends on kinds is derived from them. */
export function openApi(): Json {
  const schemas = new Schemas();
  for (const [name, schema] of Object.entries(answers)) schemas.set(name, schema);
  schemas.add(Threat, 'output', 'Threat');
  schemas.add(RenameRequest, 'input', 'RenameRequest');
  for (const kind of kinds) {
    const title = titleOf(kind);
    schemas.set(title, resourceSchema(schemas.add(kind.spec, 'output', `${title}State`)));
    schemas.set(`${title}List`, pageOf(title));
    schemas.add(kind.spec, 'input', `${title}Spec`);
  }
  const bodyOf = (schema: z.ZodType): Json => schemas.plain(schema, 'input');
  const routes = [
    fixedRoutes(bodyOf),
    gatewayRoutes(bodyOf),
    sslVpnRoutes(bodyOf),
    certificateRoutes(bodyOf),
    ...kinds.map(kindRoutes),
  ].flatMap((it) => Object.entries(it));
  const paths = Object.fromEntries(
    routes.map(([path, methods]) => [
      path,
      Object.fromEntries(Object.entries(methods).map(([method, route]) => [method, described(path, route, schemas)])),
    ]),
  );
  return {
    openapi: '3.1.0',
    info: {
      title: 'Vauban',
      version: '1',
      description: 'The network perimeter of a cloud, on your own Linux machines.',
    },
    security: [{ token: [] }],
    paths,
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } }, schemas: schemas.all() },
  };
}

function described(path: string, route: Route, schemas: Schemas): Json {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const inQuery = Object.entries(route.query?.shape ?? {}).map(([name, schema]) => {
    const { description, ...plain } = schemas.plain(schema as z.ZodType, 'input');
    return { name, in: 'query', required: false, description, schema: plain };
  });
  const responses = Object.entries(route.answers).map(([status, it]) => {
    const content = 'schema' in it ? { 'application/json': { schema: reference(it.schema) } } : { [it.type]: {} };
    return [status, { description: 'schema' in it ? it.schema : it.type, content }] as const;
  });
  return {
    summary: route.summary,
    description: `Needs the role ${route.role ?? 'viewer'}.`,
    parameters: [...inPath, ...inQuery],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: route.body } } } }),
    responses: {
      ...Object.fromEntries(responses),
      default: {
        description: 'A problem.',
        content: { 'application/json': { schema: reference('ProblemAnswer') } },
      },
    },
  };
}

/** The document's schemas. What a zod schema brings along under `$defs` becomes a schema of the document. */
class Schemas {
  readonly #byName = new Map<string, Json>();

  set(name: string, schema: Json): void {
    this.#byName.set(name, schema);
  }

  all(): Json {
    return Object.fromEntries([...this.#byName].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Files a schema under a name; gives the reference to it. */
  add(schema: z.ZodType, io: 'input' | 'output', name: string): Json {
    this.set(name, this.plain(schema, io));
    return reference(name);
  }

  /** The schema itself, whose parts are references. Input and output of a part may differ: then it has two names. */
  plain(schema: z.ZodType, io: 'input' | 'output'): Json {
    const whole = z.toJSONSchema(schema, { io, target: 'draft-2020-12' }) as Record<string, unknown>;
    const { $defs = {}, $schema: _, id: __, ...top } = whole;
    const definitions = $defs as Record<string, Record<string, unknown>>;
    // A schema with a name of its own is a definition that the top only refers to.
    const self = /^#\/\$defs\/(.+)$/.exec(String(top['$ref'] ?? ''))?.[1] ?? '';
    const { id: ____, ...rest } = definitions[self] ?? top;
    const parts = Object.entries(definitions).filter(([name]) => name !== self);
    const names = new Map<string, string>();
    const named = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(named);
      if (value === null || typeof value !== 'object') return value;
      return Object.fromEntries(
        Object.entries(value).map(([key, it]) => {
          const part = key === '$ref' && typeof it === 'string' ? /^#\/\$defs\/(.+)$/.exec(it)?.[1] : undefined;
          return [key, part === undefined ? named(it) : reference(names.get(part) ?? part)['$ref']];
        }),
      );
    };
    for (const [part, { id: ___, ...definition }] of parts) {
      const before = this.#byName.get(part);
      const same = before === undefined || canonical(before) === canonical(named(definition));
      names.set(part, same ? part : `${part}Input`);
    }
    for (const [part, { id: ___, ...definition }] of parts)
      this.set(names.get(part) ?? part, named(definition) as Json);
    return named(rest) as Json;
  }
}
