import { problems } from '#core/problem.ts';
import { kinds } from '#kinds/index.ts';
import { inSentence } from '#lib/text.ts';
import { specSchema } from '#plan/schema.ts';

type Json = Record<string, unknown>;

const ok = (description: string, schema: Json = {}): Json => ({
  description,
  content: { 'application/json': { schema } },
});
const problem: Json = { $ref: '#/components/schemas/Problem' };
const failures: Json = {
  default: {
    description: 'A problem.',
    content: { 'application/json': { schema: { type: 'object', properties: { error: problem } } } },
  },
};
const parameter = (name: string, place: 'path' | 'query' = 'path'): Json => ({
  name,
  in: place,
  required: place === 'path',
  schema: { type: 'string' },
});
const body = (schema: Json): Json => ({ requestBody: { required: true, content: { 'application/json': { schema } } } });

function operation(summary: string, parameters: readonly Json[], responses: Json, extra: Json = {}): Json {
  return {
    summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...extra,
    responses: { ...responses, ...failures },
  };
}

const accepted = { 202: ok('The operation that carries it out.', { $ref: '#/components/schemas/OperationAnswer' }) };
const files: Json = {
  type: 'object',
  required: ['files'],
  properties: {
    files: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'text'],
        properties: { path: { type: 'string' }, text: { type: 'string' } },
      },
    },
    message: { type: 'string' },
    confirmSeconds: { type: 'integer', minimum: 1, maximum: 86_400 },
  },
};

/** OpenAPI 3.1 of the API; what depends on kinds is derived from them. */
export function openApi(): Json {
  const project = parameter('project');
  const paths: Record<string, Json> = {
    '/v1/health': { get: operation('Health of every part', [], { 200: ok('Health.') }) },
    '/v1/schema': { get: operation('JSON Schema of a site file', [], { 200: ok('The schema.') }) },
    '/v1/artifacts': { get: operation('What the machine holds', [], { 200: ok('Artifacts with their states.') }) },
    '/v1/projects': { get: operation('Projects', [], { 200: ok('Names of projects.') }) },
    '/v1/plan': { post: operation('What a site would change', [], { 200: ok('The difference.') }, body(files)) },
    '/v1/apply': { post: operation('Apply a site', [], accepted, body(files)) },
    '/v1/confirm': { post: operation('Keep the pending revision', [], { 200: ok('Its number.') }) },
    '/v1/revert': { post: operation('Take the pending revision back', [], { 200: ok('Its number.') }) },
    '/v1/revisions': {
      get: operation('History, newest first', [parameter('limit', 'query'), parameter('before', 'query')], {
        200: ok('Revisions.'),
      }),
    },
    '/v1/revisions/{number}': { get: operation('One revision', [parameter('number')], { 200: ok('The revision.') }) },
    '/v1/revisions/{number}/rollback': {
      post: operation(
        'Back to how it was at a revision',
        [parameter('number'), parameter('dryRun', 'query')],
        accepted,
      ),
    },
    '/v1/operations': { get: operation('Operations', [], { 200: ok('The last operations.') }) },
    '/v1/operations/{id}': { get: operation('One operation', [parameter('id')], { 200: ok('The operation.') }) },
    '/v1/operations/{id}/events': {
      get: operation('Progress of an operation, as server-sent events', [parameter('id')], {
        200: { description: 'Events.', content: { 'text/event-stream': {} } },
      }),
    },
    '/v1/tokens': {
      get: operation('Tokens', [], { 200: ok('Tokens without their secrets.') }),
      post: operation('Make a token', [], { 201: ok('The token, shown once.') }, body({ type: 'object' })),
    },
    '/v1/tokens/{name}': { delete: operation('Delete a token', [parameter('name')], { 200: ok('Done.') }) },
    '/v1/projects/{project}/threats': {
      get: operation(
        'Threats, newest first',
        [
          project,
          ...[
            'endpoint',
            'network',
            'minimumSeverity',
            'threatId',
            'name',
            'source',
            'destination',
            'instance',
            'from',
            'to',
            'fold',
            'order',
            'limit',
            'pageToken',
          ].map((it) => parameter(it, 'query')),
        ],
        { 200: ok('A page of threats.') },
      ),
    },
    '/v1/projects/{project}/threats:counts': {
      get: operation('Counts of threats', [project], { 200: ok('By severity and name.') }),
    },
    '/v1/projects/{project}/threats:stream': {
      get: operation('Threats as they come, as server-sent events', [project], {
        200: { description: 'Events.', content: { 'text/event-stream': {} } },
      }),
    },
    '/v1/projects/{project}/threats/{id}': {
      get: operation('One threat with payload and packet', [project, parameter('id')], { 200: ok('The threat.') }),
    },
    '/v1/projects/{project}/threats/{id}/pcap': {
      get: operation('Packets of the session of a threat', [project, parameter('id')], {
        200: { description: 'A pcap file.', content: { 'application/vnd.tcpdump.pcap': {} } },
      }),
    },
    '/v1/projects/{project}/instances/{name}/serial': {
      get: operation(
        'What an instance said on its console',
        [project, parameter('name'), parameter('lines', 'query')],
        {
          200: ok('The last lines.', { type: 'object', required: ['text'], properties: { text: { type: 'string' } } }),
        },
      ),
    },
    '/v1/projects/{project}/logs': { get: operation('Names of logs', [project], { 200: ok('Names.') }) },
    '/v1/projects/{project}/logs:read': {
      post: operation('Log entries by a query', [project], { 200: ok('A page of entries.') }, body({ type: 'object' })),
    },
    '/v1/projects/{project}/logs:tail': {
      get: operation('Log entries as they come, as server-sent events', [project, parameter('filter', 'query')], {
        200: { description: 'Events.', content: { 'text/event-stream': {} } },
      }),
    },
  };
  const schemas: Record<string, unknown> = {
    Problem: problemSchema,
    Operation: operationSchema,
    OperationAnswer: { type: 'object', properties: { operation: { $ref: '#/components/schemas/Operation' } } },
  };
  for (const kind of kinds) {
    const title = kind.spec.meta?.()?.id ?? kind.kind;
    schemas[`${title}Spec`] = specSchema(kind.plural, 'input');
    schemas[title] = resourceSchema(specSchema(kind.plural, 'output') ?? {});
    const one = { 200: ok(`The ${inSentence(kind.title)}.`, { $ref: `#/components/schemas/${title}` }) };
    const name = parameter('name');
    const spec = body({ $ref: `#/components/schemas/${title}Spec` });
    const base = `/v1/projects/{project}/${kind.plural}`;
    paths[base] = {
      get: operation(`${kind.title}: all`, [project], {
        200: ok('A list.', {
          type: 'object',
          properties: { items: { type: 'array', items: { $ref: `#/components/schemas/${title}` } } },
        }),
      }),
    };
    paths[`${base}/{name}`] = {
      get: operation(`${kind.title}: one`, [project, name], one),
      post: operation(`${kind.title}: create`, [project, name, parameter('dryRun', 'query')], accepted, spec),
      put: operation(`${kind.title}: create or replace`, [project, name, parameter('dryRun', 'query')], accepted, spec),
      delete: operation(`${kind.title}: delete`, [project, name, parameter('dryRun', 'query')], accepted),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Vauban',
      version: '1',
      description: 'The network perimeter of a cloud, on your own Linux machines.',
    },
    security: [{ token: [] }],
    paths,
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } }, schemas },
  };
}

const problemSchema: Json = {
  type: 'object',
  required: ['code', 'at', 'message', 'fix'],
  properties: {
    code: { enum: Object.keys(problems) },
    at: { type: 'string', description: 'Where.' },
    message: { type: 'string', description: 'What is wrong.' },
    fix: { type: 'string', description: 'What to do.' },
    requestId: { type: 'string' },
    details: { type: 'array', items: { $ref: '#/components/schemas/Problem' } },
  },
};

const operationSchema: Json = {
  type: 'object',
  required: ['id', 'author', 'startTime', 'state'],
  properties: {
    id: { type: 'string' },
    author: { type: 'string' },
    startTime: { type: 'string', format: 'date-time' },
    endTime: { type: 'string', format: 'date-time' },
    revision: { type: 'integer' },
    state: { enum: ['running', 'done', 'failed'] },
    problem,
  },
};

const resourceSchema = (spec: Json): Json => ({
  type: 'object',
  required: ['project', 'kind', 'name', 'spec', 'etag', 'status'],
  properties: {
    project: { type: 'string' },
    kind: { type: 'string' },
    name: { type: 'string' },
    spec,
    assigned: { type: 'object', description: 'What was chosen for the resource: addresses, numbers.' },
    etag: { type: 'string', description: 'For If-Match.' },
    createTime: { type: 'string' },
    updateTime: { type: 'string' },
    status: {
      type: 'object',
      properties: {
        state: { enum: ['READY', 'CREATING', 'UPDATING', 'DELETING', 'FAILED', 'UNKNOWN'] },
        detail: { type: 'string' },
        values: { type: 'object' },
      },
    },
    builtIn: { type: 'boolean' },
  },
});
