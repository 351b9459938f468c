import { type CelFunc, CelScalar, celEnv, celFunc, celMethod, isCelError, listType, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { contains, parseAddress, parsePrefix } from '#lib/ip.ts';
import { extract } from './extract.ts';
import type { DeviceCertificate, Facts } from './facts.ts';
import { nextChange, type Reading, readingOf } from './reads.ts';

/** The resource that a condition may name, as IAM describes it. */
export interface ConditionResource {
  readonly name: string;
  readonly type: string;
  readonly service: string;
}

/** What a condition is evaluated over. */
export interface Situation {
  readonly facts: Facts;
  readonly levels: readonly string[];
  readonly resource: ConditionResource;
}

export interface Condition extends Omit<Reading, 'faults' | 'moments'> {
  readonly expression: string;
  /** True or false; anything else, an error included, is `broken` and counts as not met. */
  evaluate(situation: Situation): boolean | { readonly broken: string };
  /** The next instant at which the passing of time may change the answer. */
  nextChange(now: number): number;
}

/** A condition that can never be evaluated: what is wrong where. */
export interface ConditionFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly fix: string;
}

const { STRING, BOOL } = CelScalar;

/** An address that is none, or a broken range, is in no range: whoever asks for a range is refused. */
const inIpRange = (ip: string, ranges: readonly unknown[]): boolean => {
  const address = parseAddress(ip);
  if (address === undefined) return false;
  return ranges.some((it) => {
    const range = parsePrefix(String(it));
    return range !== undefined && contains(range, address);
  });
};

const own: CelFunc[] = [
  celMethod('extract', STRING, [STRING], STRING, function (template) {
    return extract(this, template);
  }),
  celFunc('inIpRange', [STRING, listType(STRING)], BOOL, (ip, ranges) => inIpRange(ip, [...ranges])),
];

const env = celEnv({ funcs: [...strings, ...own] });
const toTimestamp = plan(env, parse('timestamp(text)').expr);

/** What the language has without being in the list of functions. */
const operators = new Set(['_&&_', '_||_', '_?_:_', '_[_]', '_==_', '_!=_', '!_', '@in', '@not_strictly_false']);
const isKnown = (name: string): boolean => operators.has(name) || env.funcs.find(name) !== undefined;

/** Compiles a condition once; evaluating it is then a matter of microseconds. */
export function compileCondition(expression: string): Condition | readonly ConditionFault[] {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(expression);
  } catch (error) {
    return [syntaxFault(error)];
  }
  const { faults, moments, ...reading } = readingOf(parsed.expr, isKnown);
  const positions = parsed.sourceInfo?.positions ?? {};
  if (faults.length > 0) {
    return faults.map(({ expr, message, fix }) => ({
      ...placeOf(expression, positions[String(expr)] ?? 0),
      message,
      fix,
    }));
  }
  const run = plan(env, parsed.expr);
  const evaluate: Condition['evaluate'] = (situation) => {
    try {
      const result = run(bindingsOf(situation) as never);
      if (typeof result === 'boolean') return result;
      return { broken: isCelError(result) ? result.message : 'it gives neither true nor false' };
    } catch (error) {
      return { broken: error instanceof Error ? error.message : String(error) };
    }
  };
  return { ...reading, expression, evaluate, nextChange: (now) => nextChange(moments, now) };
}

export const isCondition = (it: Condition | readonly ConditionFault[]): it is Condition => !Array.isArray(it);

function bindingsOf({ facts, levels, resource }: Situation): Record<string, unknown> {
  const { time, host, path, ip, destination, claims, device } = facts;
  return {
    request: {
      time: toTimestamp({ text: new Date(time).toISOString() } as never),
      host,
      path,
      auth: { access_levels: levels, claims: numbersAsCel(claims) },
    },
    origin: { ip },
    ...(destination === undefined ? {} : { destination: { ip: destination.ip, port: BigInt(destination.port) } }),
    device: device === undefined ? {} : { certificate: certificateAsCel(device.certificate) },
    resource: { ...resource },
  };
}

const certificateAsCel = ({ authority, commonName, serial, fingerprint }: DeviceCertificate) => ({
  ...{ authority, serial, fingerprint },
  common_name: commonName,
});

/** Whole numbers of JSON are ints in a condition, so that `claims.level >= 2` means what it says. */
function numbersAsCel(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(numbersAsCel);
  if (value === null || typeof value !== 'object') return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, numbersAsCel(it)]));
}

/** The parser's own errors carry a place. */
function syntaxFault(error: unknown): ConditionFault {
  const { location, rawMessage } = error as {
    location?: { start: { line: number; column: number } };
    rawMessage?: string;
  };
  const message = rawMessage ?? (error instanceof Error ? error.message : String(error));
  const { line, column } = location?.start ?? { line: 1, column: 1 };
  return { line, column, message, fix: 'Write it in CEL, such as request.path.startsWith("/public/").' };
}

function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}
