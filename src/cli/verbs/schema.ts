import { buildCommand } from '@stricli/core';
import * as z from 'zod';
import { Problem } from '#core/problem.ts';
import { kindOf, kinds } from '#kinds/index.ts';
import { didYouMean } from '#lib/text.ts';
import { unwrapped } from '#plan/issues.ts';
import { refOf } from '#plan/references.ts';
import { siteSchema } from '#plan/schema.ts';
import type { Cli } from '../context.ts';
import { kindFor } from '../kinds.ts';
import { aligned, toYaml } from '../output.ts';

export const schema = buildCommand({
  docs: { brief: 'Print the JSON Schema of a site file, for editors' },
  parameters: {},
  func(this: Cli) {
    this.print(JSON.stringify(siteSchema(), null, 2));
  },
});

export const explain = buildCommand({
  docs: { brief: 'Explain a kind or one of its fields: `vauban explain firewallRule.priority`' },
  parameters: {
    flags: {},
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'KIND or KIND.FIELD', parse: String, optional: true, placeholder: 'what' }],
    },
  },
  func(this: Cli, _flags: Record<never, never>, what?: string) {
    if (what === undefined) {
      for (const line of aligned(
        kinds.map((it) => [it.plural, z.globalRegistry.get(it.spec)?.description ?? it.title]),
      ))
        this.print(line);
      return;
    }
    const [kindText = '', ...path] = what.split('.');
    const kind = kindOf(kindFor(kindText).kind);
    let at: z.ZodType = kind.spec;
    for (const step of path) at = fieldOf(at, step, what);
    this.print(this.style.bold(what));
    const { description } = at;
    if (description !== undefined) this.print(description);
    for (const line of facts(at)) this.print(line);
    const shape = objectIn(at);
    if (shape !== undefined) {
      this.print('');
      const rows = Object.entries(shape).map(([name, field]) => [
        `  ${name}`,
        typeOf(field as z.ZodType),
        (field as z.ZodType).description ?? '',
      ]);
      for (const line of aligned(rows)) this.print(line);
    }
    if (path.length === 0) this.print(`\n${this.style.bold('Example')}\n${toYaml({ [kind.plural]: kind.example })}`);
  },
});

function objectIn(schema: unknown): Record<string, unknown> | undefined {
  const at = unwrapped(schema);
  if (at instanceof z.ZodArray) return objectIn(at.element);
  return at instanceof z.ZodObject ? at.shape : undefined;
}

function fieldOf(schema: z.ZodType, step: string, what: string): z.ZodType {
  const shape = objectIn(schema) ?? {};
  const field = shape[step.replace(/\[\d*\]$/, '')];
  if (field !== undefined) return field as z.ZodType;
  const near = didYouMean(step, Object.keys(shape));
  throw new Problem('NOT_FOUND', {
    at: what,
    message: `there is no field ${step}`,
    fix: near === undefined ? `Fields are ${Object.keys(shape).join(', ')}.` : `Did you mean ${near}?`,
  });
}

/** Type, default and bounds in words. */
function facts(schema: z.ZodType): string[] {
  const at = unwrapped(schema) as z.ZodType;
  const start = schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined;
  return [
    `  type: ${typeOf(schema)}`,
    ...(start === undefined ? [] : [`  default: ${JSON.stringify(start)}`]),
    ...(at instanceof z.ZodNumber ? [`  from ${at.minValue} to ${at.maxValue}`] : []),
  ];
}

function typeOf(schema: z.ZodType): string {
  const required =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
      ? ''
      : ', required';
  const at = unwrapped(schema) as z.ZodType;
  const name =
    at instanceof z.ZodArray
      ? `list of ${typeOf(at.element as z.ZodType).replace(', required', '')}`
      : at instanceof z.ZodEnum
        ? at.options.join(' | ')
        : at instanceof z.ZodBoolean
          ? 'true | false'
          : at instanceof z.ZodNumber
            ? 'number'
            : at instanceof z.ZodString
              ? stringType(at)
              : at instanceof z.ZodRecord
                ? 'mapping of texts'
                : 'mapping';
  return `${name}${required}`;
}

const stringType = (schema: z.ZodString): string => {
  const kind = refOf(schema);
  return kind === undefined ? 'text' : `name of a ${kind}`;
};
