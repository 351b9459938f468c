import * as fc from 'fast-check';
import { all, any, type Comparison, type FieldPath, type Filter, not } from './ast.ts';

/** Queries and entries for property tests: few names and values, so that they often meet. */

const word = fc.constantFrom(
  'a',
  'B',
  'threat',
  '10.0.0.7',
  '80',
  '80.0',
  'true',
  '',
  '-5',
  'x "y" \\ z\n',
  'AND',
  'é',
);
const names = fc.constantFrom('x', 'connection', 'end-user', 'a.b', 'src ip', 'AND');
const instants = fc.constantFrom(
  '2024-05-27T22:42:30Z',
  '2024-05-27T22:42:30.000000001Z',
  '2024-05-28T00:42:31+02:00',
  '2024-05-27',
  '2030-01-01T00:00:00Z',
);
const levels = fc.constantFrom('DEFAULT', 'INFO', 'warning', 'ERROR', 'EMERGENCY', '450');
const logs = fc.constantFrom(
  'projects/p/logs/ids.googleapis.com%2Fthreat',
  'projects/p/logs/ids.googleapis.com/threat',
  'projects/p/logs/syslog',
  'projects/q/logs/SYSLOG',
  'syslog',
);
const order = fc.constantFrom<Comparison>('=', '!=', '<', '<=', '>', '>=', ':');

const payloadPath: fc.Arbitrary<FieldPath> = fc
  .array(names, { minLength: 1, maxLength: 2 })
  .map((tail) => ['jsonPayload', ...tail]);
const textPath = fc.constantFrom<FieldPath>(['textPayload'], ['resource', 'type'], ['labels', 'a.b'], ['trace']);
const anyPath = fc.oneof(payloadPath, textPath);

const compare = (path: FieldPath, operator: Comparison, value: string): Filter => ({
  kind: 'compare',
  path,
  operator,
  value,
});

const leaf: fc.Arbitrary<Filter> = fc.oneof(
  fc.tuple(anyPath, order, word).map(([path, operator, value]) => compare(path, operator, value)),
  fc.tuple(order, instants).map(([operator, value]) => compare(['timestamp'], operator, value)),
  fc.tuple(order, levels).map(([operator, value]) => compare(['severity'], operator, value)),
  fc.tuple(order, logs).map(([operator, value]) => compare(['logName'], operator, value)),
  word.map((text): Filter => ({ kind: 'text', text })),
  anyPath.map((path): Filter => ({ kind: 'present', path })),
  fc.tuple(payloadPath, fc.boolean()).map(([path, negated]): Filter => ({ kind: 'null', path, negated })),
  fc
    .tuple(anyPath, fc.boolean(), fc.constantFrom('a+', '^\\d+$', '"', '(?i)b'))
    .map(([path, negated, pattern]): Filter => ({ kind: 'pattern', path, negated, pattern })),
  fc
    .constantFrom('syslog', 'ids.googleapis.com/threat', 'ids.googleapis.com%2Fthreat')
    .map((id): Filter => ({ kind: 'log', id })),
  fc.constantFrom('projects/p', 'folders/7').map((parent): Filter => ({ kind: 'source', parent })),
  fc.tuple(anyPath, fc.double({ min: 0, max: 1, noNaN: true })).map(
    // The language has no minus zero.
    ([path, fraction]): Filter => ({ kind: 'sample', path, fraction: fraction + 0 }),
  ),
  fc
    .tuple(anyPath, fc.constantFrom('10.0.0.0/8', '::/0'))
    .map(([path, network]): Filter => ({ kind: 'network', path, network })),
  fc
    .tuple(fc.option(anyPath, { nil: undefined }), word)
    .map(([path, query]): Filter => ({ kind: 'search', path, query })),
);

export const anyFilter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('filter'), { minLength: 1, maxLength: 3 }).map(all),
    fc.array(tie('filter'), { minLength: 1, maxLength: 3 }).map(any),
    tie('filter').map(not),
  ),
})).filter;

const scalar = fc.oneof(word, fc.constantFrom<unknown>(80, -5, true, false, null, 'B', '10.0.0.7'));
const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }));
const payload = fc.dictionary(names, fc.oneof(value, fc.dictionary(names, value, { maxKeys: 2 })), { maxKeys: 4 });

export const anyEntry: fc.Arbitrary<object> = fc.record(
  {
    insertId: fc.constantFrom('1', '2', '3'),
    logName: logs,
    timestamp: instants,
    severity: levels,
    resource: fc.record({ type: word, labels: fc.dictionary(names, word, { maxKeys: 2 }) }),
    labels: fc.dictionary(names, word, { maxKeys: 2 }),
    jsonPayload: payload,
    textPayload: word,
    trace: word,
  },
  { requiredKeys: ['insertId', 'logName', 'timestamp', 'resource'] },
);
