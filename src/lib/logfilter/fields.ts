import { didYouMean } from '../text.ts';
import { parseDuration, parseInstant } from '../timestamp.ts';
import type { Comparison, FieldPath } from './ast.ts';

/** `log`: text in which `%2F` and `/` are the same. `free`: whatever the payload holds. `labels`: a map of texts. */
export type FieldType =
  | 'text'
  | 'log'
  | 'time'
  | 'severity'
  | 'number'
  | 'boolean'
  | 'duration'
  | 'free'
  | 'labels'
  | Fields;

export interface Fields {
  readonly [name: string]: FieldType;
}

/** LogEntry, as Cloud Logging's v2 API defines it. */
export const entryFields: Fields = {
  insertId: 'text',
  logName: 'log',
  timestamp: 'time',
  receiveTimestamp: 'time',
  severity: 'severity',
  textPayload: 'text',
  jsonPayload: 'free',
  protoPayload: 'free',
  labels: 'labels',
  resource: { type: 'text', labels: 'labels' },
  metadata: { systemLabels: 'free', userLabels: 'labels' },
  trace: 'text',
  spanId: 'text',
  traceSampled: 'boolean',
  operation: { id: 'text', producer: 'text', first: 'boolean', last: 'boolean' },
  sourceLocation: { file: 'text', line: 'number', function: 'text' },
  split: { uid: 'text', index: 'number', totalSplits: 'number' },
  httpRequest: {
    requestMethod: 'text',
    requestUrl: 'text',
    requestSize: 'number',
    status: 'number',
    responseSize: 'number',
    userAgent: 'text',
    remoteIp: 'text',
    serverIp: 'text',
    referer: 'text',
    latency: 'duration',
    cacheLookup: 'boolean',
    cacheHit: 'boolean',
    cacheValidatedWithOriginServer: 'boolean',
    cacheFillBytes: 'number',
    protocol: 'text',
  },
};

export const severities: Readonly<Record<string, number>> = {
  DEFAULT: 0,
  DEBUG: 100,
  INFO: 200,
  NOTICE: 300,
  WARNING: 400,
  ERROR: 500,
  CRITICAL: 600,
  ALERT: 700,
  EMERGENCY: 800,
};

/** The level of a severity's name or number; undefined when it is none. */
export const severityOf = (text: string): number | undefined =>
  Object.hasOwn(severities, text.toUpperCase())
    ? severities[text.toUpperCase()]
    : /^\d{1,4}$/.test(text)
      ? Number(text)
      : undefined;

export interface Resolved {
  /** In the entry's own spelling. */
  readonly path: FieldPath;
  readonly type: FieldType;
  /** False: the entry may lack it, and then every comparison fails. True: it then has its type's default. */
  readonly defaulted: boolean;
}

export interface Refusal {
  readonly message: string;
  readonly fix: string;
}

/** Finds a field; names of LogEntry may be written in snake_case and any letter case, names in a payload may not. */
export function resolveField(path: FieldPath): Resolved | Refusal {
  let type: FieldType = entryFields;
  const out: string[] = [];
  for (const [index, name] of path.entries()) {
    if (typeof type === 'object') {
      const known = knownName(type, name);
      if (known === undefined) return unknownField(type, path, index);
      out.push(known);
      type = type[known] ?? 'free';
    } else if (type === 'free') out.push(name);
    else if (type === 'labels') {
      // A label's key may hold dots: labels.a.b is the label "a.b".
      return { path: [...out, path.slice(index).join('.')], type: 'text', defaulted: false };
    } else {
      const whole = path.slice(0, index).join('.');
      return { message: `${whole} has no fields of its own`, fix: `Compare ${whole} itself.` };
    }
  }
  return { path: out, type, defaulted: typeof type === 'string' && type !== 'free' && type !== 'labels' };
}

function knownName(fields: Fields, name: string): string | undefined {
  if (Object.hasOwn(fields, name)) return name;
  const plain = name.replaceAll('_', '').toLowerCase();
  return Object.keys(fields).find((known) => known.toLowerCase() === plain);
}

function unknownField(fields: Fields, path: FieldPath, index: number): Refusal {
  const name = path[index] ?? '';
  const near = didYouMean(name, Object.keys(fields));
  const parent = path.slice(0, index).join('.');
  const known = Object.keys(fields).sort().join(', ');
  if (near !== undefined) {
    return { message: `there is no field ${path.slice(0, index + 1).join('.')}`, fix: `Did you mean ${near}?` };
  }
  return {
    message: parent === '' ? `a log entry has no field ${name}` : `${parent} has no field ${name}`,
    fix:
      parent === ''
        ? `Fields are ${known}; what a log itself writes is under jsonPayload.`
        : `Fields of ${parent} are ${known}.`,
  };
}

const ordering = new Set<Comparison>(['<', '<=', '>', '>=']);

/** Why a value cannot be compared with a field of that type; undefined when it can. */
export function comparisonRefusal(field: Resolved, operator: Comparison, value: string): Refusal | undefined {
  const name = field.path.join('.');
  const { type } = field;
  if (operator === ':' || type === 'free' || type === 'text' || type === 'log') return undefined;
  if (typeof type === 'object' || type === 'labels') {
    return { message: `${name} is an object`, fix: `Name a field in it, or search in it with ${name}:"${value}".` };
  }
  if (type === 'severity' && severityOf(value) === undefined) {
    const names = Object.keys(severities);
    const near = didYouMean(value, names);
    return {
      message: `${value} is not a severity`,
      fix: near === undefined ? `Severities are ${names.join(', ')}.` : `Did you mean ${near}?`,
    };
  }
  if (type === 'time' && parseInstant(value) === undefined) {
    return { message: `${value} is not a time`, fix: 'Write it as "2024-05-27T22:42:30Z".' };
  }
  if (type === 'duration' && parseDuration(value) === undefined) {
    return { message: `${value} is not a duration`, fix: 'Write a number and ns, us, ms, s, m or h, such as "3.2s".' };
  }
  if (type === 'number' && numberOf(value) === undefined) {
    return { message: `${value} is not a number`, fix: `${name} is a number.` };
  }
  if (type === 'boolean') {
    if (booleanOf(value) === undefined) return { message: `${value} is not a boolean`, fix: 'Write true or false.' };
    if (ordering.has(operator)) return { message: `${name} has no order`, fix: 'Use = or !=.' };
  }
  return undefined;
}

/** A double as the language writes it; undefined when the text is none. */
export function numberOf(text: string): number | undefined {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return Number(text);
  const special = /^([+-]?)(nan|inf|infinity)$/i.exec(text);
  if (special === null) return undefined;
  if (special[2]?.toLowerCase() === 'nan') return Number.NaN;
  return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

export function booleanOf(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  return lower === 'true' ? true : lower === 'false' ? false : undefined;
}

/** A log's name with its percent signs resolved, in lower case: `projects/p/logs/ids.googleapis.com/threat`. */
export function plainLogName(name: string): string {
  if (!name.includes('%')) return name.toLowerCase();
  try {
    return decodeURIComponent(name).toLowerCase();
  } catch {
    return name.replace(/%2f/gi, '/').toLowerCase();
  }
}

/** What stands behind `/logs/` in {@link plainLogName}, or all of it. */
export function plainLogId(name: string): string {
  const plain = plainLogName(name);
  const at = plain.indexOf('/logs/');
  return at === -1 ? plain : plain.slice(at + '/logs/'.length);
}
