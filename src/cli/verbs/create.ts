import { readFileSync } from 'node:fs';
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import * as z from 'zod';
import type { Operation } from '#control/operations.ts';
import { Problem } from '#core/problem.ts';
import { type AnyKind, kinds } from '#kinds/index.ts';
import { parseDocuments } from '#lib/document.ts';
import { inSentence } from '#lib/text.ts';
import { unwrapped } from '#plan/issues.ts';
import { refOf } from '#plan/references.ts';
import { type Cli, clientOf, projectOf, proposedNames, type Target } from '../context.ts';
import { targetAliases, targetFlags } from '../flags.ts';
import { camel, kindFor, pathOf } from '../kinds.ts';
import { follow } from '../progress.ts';

const kebab = (text: string): string => text.replace(/[A-Z]/g, (it) => `-${it.toLowerCase()}`);

/** `vauban create KIND NAME --field value`, from the kind's schema. Lists and mappings are written short or as YAML. */
export function createRoutes(): RouteMap<Cli> {
  const routes = Object.fromEntries(kinds.map((kind) => [kebab(kind.kind), createCommand(kind)]));
  return buildRouteMap({ routes, docs: { brief: 'Create a resource from flags' } });
}

type Given = Target & Readonly<Record<string, string | undefined>>;

function createCommand(kind: AnyKind): Command<Cli> {
  const shape = unwrapped(kind.spec);
  const fields = shape instanceof z.ZodObject ? Object.entries(shape.shape as Record<string, z.ZodType>) : [];
  const flags = Object.fromEntries(fields.map(([name, schema]) => [name, flagOf(name, schema)]));
  return buildCommand({
    docs: {
      brief: `Create: ${inSentence(kind.title)}`,
      fullDescription: `${z.globalRegistry.get(kind.spec)?.description ?? ''}

A list may be written with commas, a mapping as key=value,key=value, anything as YAML; @file is what a file holds.`,
    },
    parameters: {
      flags: { ...flags, state: targetFlags.state, project: targetFlags.project },
      aliases: targetAliases,
      positional: {
        kind: 'tuple',
        // stricli wants to know at compile time what the kind only tells now.
        parameters: [{ brief: 'Name', parse: String, placeholder: 'name', optional: (kind.single === true) as true }],
      },
    },
    async func(this: Cli, given: Given, text?: string) {
      const name = text ?? kind.kind;
      const client = clientOf(this, given);
      const project = await projectOf(this, client, given);
      const value = Object.fromEntries(
        fields.flatMap(([field, schema]) =>
          given[field] === undefined ? [] : [[field, valueFrom(schema, `--${kebab(field)}`, given[field])]],
        ),
      );
      const { operation } = await client.post<{ operation: Operation }>(pathOf(project, kind, name), value);
      await follow(this, client, operation);
      this.print(`Created ${kind.kind} ${name}.`);
    },
  }) as Command<Cli>;
}

function flagOf(name: string, schema: z.ZodType) {
  const plain = unwrapped(schema);
  const kind = plain instanceof z.ZodString ? refOf(plain) : undefined;
  const target = kind === undefined ? undefined : kindFor(kind).plural;
  const choices = plain instanceof z.ZodEnum ? plain.options.map(String) : plain instanceof z.ZodBoolean ? yesNo : [];
  return {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: schema.description ?? name,
    placeholder: placeholderOf(plain),
    proposeCompletions(this: Cli, _partial: string): readonly string[] | Promise<readonly string[]> {
      return target === undefined ? choices : proposedNames(this, target);
    },
  } as const;
}

const yesNo = ['true', 'false'];

const placeholderOf = (schema: unknown): string =>
  schema instanceof z.ZodArray
    ? unwrapped(schema.element) instanceof z.ZodObject
      ? 'key=value,...'
      : 'a,b'
    : schema instanceof z.ZodBoolean
      ? 'true|false'
      : schema instanceof z.ZodNumber
        ? 'number'
        : schema instanceof z.ZodEnum
          ? schema.options.join('|')
          : schema instanceof z.ZodString
            ? 'text'
            : 'key=value,...';

/** A flag's text as the field's value; `@file` stands for what a file holds. Text that is no such value is left to the API. */
export function valueFrom(schema: unknown, flag: string, text: string): unknown {
  return fromText(unwrapped(schema), flag, text.startsWith('@') ? contents(flag, text.slice(1)) : text);
}

function fromText(schema: unknown, flag: string, text: string): unknown {
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return text;
  const short = !/^\s*[[{]/.test(text);
  if (schema instanceof z.ZodArray) {
    const element = unwrapped(schema.element);
    if (short && element instanceof z.ZodString) return text === '' ? [] : text.split(',').map((it) => it.trim());
    if (short && element instanceof z.ZodEnum) return text === '' ? [] : text.split(',').map((it) => it.trim());
    if (short && pairs.test(text)) return [pairsOf(element, flag, text)];
  }
  if (short && pairs.test(text) && (schema instanceof z.ZodRecord || schema instanceof z.ZodObject))
    return pairsOf(schema, flag, text);
  const { documents, mistakes } = parseDocuments(text);
  const [first] = mistakes;
  if (first === undefined) return documents[0]?.value;
  throw new Problem('INVALID_REQUEST', { at: flag, message: first.message, fix: first.fix });
}

const pairs = /^[\w.-]+=/;

/** `subnet=a,address=10.1.0.5`: a value may hold commas as long as no key follows them. */
function pairsOf(schema: unknown, flag: string, text: string): Record<string, unknown> {
  const shape = schema instanceof z.ZodObject ? (schema.shape as Record<string, unknown>) : undefined;
  return Object.fromEntries(
    text.split(/,(?=[\w.-]+=)/).map((it) => {
      const at = it.indexOf('=');
      const typed = it.slice(0, at).trim();
      const key = shape === undefined ? typed : camel(typed);
      const value = it.slice(at + 1);
      return [key, shape?.[key] === undefined ? value : fromText(unwrapped(shape[key]), flag, value)];
    }),
  );
}

function contents(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Problem('NOT_FOUND', {
      at: flag,
      message: error instanceof Error ? error.message : String(error),
      fix: 'Name a file that can be read.',
      cause: error,
    });
  }
}
