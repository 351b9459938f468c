import * as z from 'zod';
import type { Artifact } from '#core/artifact.ts';
import type { Steering } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { Address } from '../schemas.ts';
import { cutRule, cutTuple } from './cut.ts';
import type { FilterInput } from './input.ts';

const Tuple = z.strictObject({
  source: Address.optional(),
  destination: Address.optional(),
  protocol: z.int().min(0).max(255).optional(),
  port: z.int().min(0).max(65_535).optional(),
});

type Held = Artifact<FilterInput>;

/**
 * - a rule, `cut`: everything that it let in ends; it may start again.
 * - `connections`, `cut` with the parts of a tuple as JSON: those connections end.
 */
export async function steer(machine: Machine, held: Held, { part, state, detail = '{}' }: Steering): Promise<void> {
  const { input } = held;
  if (state === 'cut' && part === 'connections') {
    return cutTuple(machine, input.namespace, parsed(Tuple, part, detail));
  }
  const rule = input.rules.find((it) => it.id === part);
  if (state === 'cut' && rule !== undefined) return cutRule(machine, input.namespace, rule.number);
  throw new Problem('NOT_FOUND', {
    at: part,
    message: `there is no such rule, or it cannot be ${state}`,
    fix: 'Cut a rule, or connections.',
  });
}

function parsed<S extends z.ZodType>(schema: S, at: string, detail: string): z.infer<S> {
  try {
    return schema.parse(JSON.parse(detail));
  } catch (error) {
    throw new Problem('INVALID_REQUEST', {
      at,
      message: 'the detail is not what this state needs',
      fix: 'Give parts of a tuple as JSON: source, destination, protocol, port.',
      cause: error,
    });
  }
}
