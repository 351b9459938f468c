import { didYouMean } from '#lib/text.ts';
import type { Read } from './facts.ts';
import { chainOf, type Expr, partsOf, textOf } from './tree.ts';

/** What a condition may speak of; below `free` ones anything may be named. */
const attributes: Readonly<Record<string, { readonly reads: readonly Read[]; readonly free?: true }>> = {
  'request.time': { reads: ['time'] },
  'request.host': { reads: ['host'] },
  'request.path': { reads: ['path'] },
  'request.auth.access_levels': { reads: [] },
  'request.auth.claims': { reads: ['claims'], free: true },
  'origin.ip': { reads: ['ip'] },
  'destination.ip': { reads: ['destination'] },
  'destination.port': { reads: ['destination'] },
  'device.certificate': { reads: ['device'] },
  'device.certificate.authority': { reads: ['device'] },
  'device.certificate.common_name': { reads: ['device'] },
  'device.certificate.serial': { reads: ['device'] },
  'device.certificate.fingerprint': { reads: ['device'] },
  'resource.name': { reads: [] },
  'resource.type': { reads: [] },
  'resource.service': { reads: [] },
};

const names = Object.keys(attributes);
const roots = new Set(names.map((it) => it.split('.')[0] ?? ''));

/** Something that can never be evaluated. */
export interface Fault {
  readonly message: string;
  readonly fix: string;
  /** Id of the expression in the tree. */
  readonly expr: bigint;
}

/** When an answer can change by the mere passing of time. */
export type Moment =
  /** At one instant, in milliseconds. */
  | { readonly at: number }
  /** At each full multiple of so many milliseconds. */
  | { readonly every: number };

export interface Reading {
  readonly reads: ReadonlySet<Read>;
  readonly moments: readonly Moment[];
  /** Access levels that it asks for by name; `all` when the list is used in another way. */
  readonly levels: ReadonlySet<string> | 'all';
  readonly faults: readonly Fault[];
}

/** Most deeply nested loops, and parts of an expression: what bounds the time of an evaluation. */
const bounds = { loops: 2, parts: 1000 } as const;

/** Offsets between time zones are multiples of a quarter of an hour, so an hour or a day begins with one everywhere. */
const quarter = 15 * 60_000;
const steps: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    ['getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear', 'getHours'].map((it) => [
      it,
      quarter,
    ]),
  ),
  getMinutes: 60_000,
  getSeconds: 1000,
};
const comparisons = new Set(['_<_', '_<=_', '_>_', '_>=_', '_==_', '_!=_']);

/** Finds out what a condition depends on, without running it. `known`: whether there is such a function. */
export function readingOf(root: Expr, known: (name: string) => boolean): Reading {
  const state = {
    reads: new Set<Read>(),
    moments: [] as Moment[],
    levels: new Set<string>() as Set<string> | 'all',
    faults: [] as Fault[],
    parts: 0,
  };
  const fault = (expr: Expr, message: string, fix: string): void =>
    void state.faults.push({ expr: expr.id, message, fix });

  const attribute = (expr: Expr, chain: readonly string[]): void => {
    const name = names.find((it) => {
      const parts = it.split('.');
      const fits = parts.every((part, index) => chain[index] === part);
      return fits && (chain.length === parts.length || attributes[it]?.free === true);
    });
    if (name === undefined) {
      const whole = chain.join('.');
      const near = didYouMean(whole, names);
      fault(
        expr,
        `there is no ${whole}`,
        near === undefined ? `Conditions may read ${names.join(', ')}.` : `Did you mean ${near}?`,
      );
      return;
    }
    for (const read of attributes[name]?.reads ?? []) state.reads.add(read);
    if (name === 'request.time') state.moments.push({ every: 0 });
    if (name === 'request.auth.access_levels') state.levels = 'all';
  };

  /** Uses of time and levels that say more than that they are used; true when the parts are dealt with. */
  const special = (expr: Expr, locals: ReadonlySet<string>): boolean => {
    const kind = expr.exprKind;
    if (kind.case !== 'callExpr') return false;
    const { function: name, target, args } = kind.value;
    const is = (part: Expr | undefined, attr: string): boolean =>
      part !== undefined && chainOf(part)?.join('.') === attr && !locals.has(attr.split('.')[0] ?? '');
    if (steps[name] !== undefined && is(target, 'request.time')) {
      state.reads.add('time');
      state.moments.push({ every: steps[name] });
      for (const arg of args) visit(arg, locals, 0);
      return true;
    }
    const [one, other] = args;
    if (comparisons.has(name) && (is(one, 'request.time') || is(other, 'request.time'))) {
      const at = instantOf(is(one, 'request.time') ? other : one);
      if (at === undefined) return false;
      state.reads.add('time');
      // Before, at and after the instant the answers may differ.
      state.moments.push({ at }, { at: at + 1 });
      return true;
    }
    const level = one === undefined ? undefined : textOf(one);
    if (name === '@in' && level !== undefined && is(other, 'request.auth.access_levels')) {
      if (state.levels !== 'all') state.levels.add(level);
      return true;
    }
    return false;
  };

  const visit = (expr: Expr, locals: ReadonlySet<string>, loops: number): void => {
    if (++state.parts > bounds.parts) return;
    if (special(expr, locals)) return;
    const kind = expr.exprKind;
    const chain = chainOf(expr);
    const [root] = chain ?? [];
    if (chain !== undefined && root !== undefined && !locals.has(root)) {
      attribute(expr, chain);
      return;
    }
    if (kind.case === 'callExpr' && !known(kind.value.function)) {
      fault(expr, `there is no function ${kind.value.function}`, 'See the functions of CEL, extract and inIpRange.');
    }
    if (kind.case === 'comprehensionExpr') {
      const { iterVar, iterVar2, accuVar } = kind.value;
      if (loops === bounds.loops) fault(expr, 'loops are nested too deeply', `At most ${bounds.loops} may be nested.`);
      const inner = new Set([...locals, iterVar, iterVar2, accuVar]);
      for (const part of partsOf(expr)) visit(part, inner, loops + 1);
      return;
    }
    for (const part of partsOf(expr)) visit(part, locals, loops);
  };

  visit(root, new Set(), 0);
  if (state.parts > bounds.parts) fault(root, 'it is too large', 'Split it into several role bindings.');
  return state;
}

export const isRoot = (name: string): boolean => roots.has(name);

/** `timestamp("2030-01-01T00:00:00Z")` as milliseconds. */
function instantOf(expr: Expr | undefined): number | undefined {
  const kind = expr?.exprKind;
  if (kind?.case !== 'callExpr' || kind.value.function !== 'timestamp') return undefined;
  const [text] = kind.value.args;
  const at = text === undefined ? Number.NaN : Date.parse(textOf(text) ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** The next instant after `now` at which time alone may change the answer; `now` itself when it may at any. */
export function nextChange(moments: readonly Moment[], now: number): number {
  const next = moments.map((it) => {
    if ('at' in it) return it.at > now ? it.at : Number.POSITIVE_INFINITY;
    return it.every === 0 ? now : (Math.floor(now / it.every) + 1) * it.every;
  });
  return Math.min(Number.POSITIVE_INFINITY, ...next);
}
