import type { parse } from '@bufbuild/cel';

/** A parsed condition as a tree that can be walked; pure. */
export type Expr = ReturnType<typeof parse>['expr'];

/** The parts of an expression, one level down. */
export function partsOf(expr: Expr): readonly Expr[] {
  const kind = expr.exprKind;
  const present = (list: readonly (Expr | undefined)[]): Expr[] => list.filter((it) => it !== undefined);
  switch (kind.case) {
    case 'selectExpr':
      return present([kind.value.operand]);
    case 'callExpr':
      return present([kind.value.target, ...kind.value.args]);
    case 'listExpr':
      return kind.value.elements;
    case 'structExpr':
      return kind.value.entries.flatMap((it) =>
        present([it.keyKind.case === 'mapKey' ? it.keyKind.value : undefined, it.value]),
      );
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result } = kind.value;
      return present([iterRange, accuInit, loopCondition, loopStep, result]);
    }
    default:
      return [];
  }
}

/** `request.auth.claims` as its steps; undefined for what is no chain of fixed names. Equal for `request["auth"]`. */
export function chainOf(expr: Expr): readonly string[] | undefined {
  const kind = expr.exprKind;
  if (kind.case === 'identExpr') return [kind.value.name.replace(/^\./, '')];
  const [operand, field] = stepOf(expr);
  const before = operand === undefined ? undefined : chainOf(operand);
  return before === undefined || field === undefined ? undefined : [...before, field];
}

function stepOf(expr: Expr): readonly [Expr?, string?] {
  const kind = expr.exprKind;
  if (kind.case === 'selectExpr') return kind.value.operand === undefined ? [] : [kind.value.operand, kind.value.field];
  if (kind.case !== 'callExpr' || kind.value.function !== '_[_]') return [];
  const [operand, index] = kind.value.args;
  const field = index === undefined ? undefined : textOf(index);
  return operand === undefined || field === undefined ? [] : [operand, field];
}

/** The text of a string constant. */
export const textOf = (expr: Expr): string | undefined =>
  expr.exprKind.case === 'constExpr' && expr.exprKind.value.constantKind.case === 'stringValue'
    ? expr.exprKind.value.constantKind.value
    : undefined;
