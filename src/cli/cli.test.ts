import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@stricli/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { Problem } from '#core/problem.ts';
import { type AnyKind, kinds } from '#kinds/index.ts';
import { unwrapped } from '#plan/issues.ts';
import { cliApp, described, outputOf } from './app.ts';
import { complete } from './complete.ts';
import type { Cli } from './context.ts';
import { exitCodeFrom, exitCodeOf } from './exit.ts';
import { overview } from './help.ts';
import { styleFor } from './style.ts';
import { valueFrom } from './verbs/create.ts';
import { verbGroups } from './verbs.ts';

const nobody = async (): Promise<never> => {
  throw new Problem('HOST_UNFIT', { at: 'test', message: 'no machine here', fix: 'Use another verb.' });
};
const groups = verbGroups({
  up: nobody,
  down: nobody,
  doctor: nobody,
  setup: nobody,
  backup: nobody,
  restore: nobody,
  machines: nobody,
  netns: nobody,
});

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vauban-cli-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a command line without a deployment; nothing is printed for real. */
async function typed(...inputs: string[]): Promise<{ code: number; out: string; err: string }> {
  const text = { out: '', err: '' };
  const into = (key: 'out' | 'err', end = '') => ({
    write: (it: string): void => {
      text[key] += it + end;
    },
  });
  const stand: { exitCode?: number | string | null } & Record<string, unknown> = {
    stdout: into('out'),
    stderr: into('err'),
  };
  const cli = {
    process: stand,
    stdin: { isTTY: false },
    stdout: stand['stdout'],
    env: { VAUBAN_STATE: folder },
    words: inputs,
    style: styleFor(false),
    print: into('out', '\n').write,
    note: into('err', '\n').write,
  } as unknown as Cli;
  await run(await cliApp({ groups, version: '1.2.3', inputs }), inputs, cli);
  return { code: exitCodeFrom(stand.exitCode), ...text };
}

describe('exit codes', () => {
  test.each([
    ['a verb that there is not', ['gett'], 2, 'did you mean `get`?'],
    ['a flag that there is not', ['get', 'instances', '--outptu', 'json'], 2, 'did you mean --output?'],
    ['a value that a flag does not take', ['get', 'instances', '-o', 'jsn'], 2, 'did you mean "json"?'],
    ['an argument that is missing', ['get'], 2, 'Expected argument for kind'],
    ['a time that is none', ['apply', 'x.yaml', '--confirm-within', 'soon'], 2, 'such as 90s or 2m'],
    ['a deployment that there is not', ['get', 'instances'], 1, 'there is no deployment at'],
    ['a kind that there is not', ['explain', 'instanse'], 1, 'Did you mean instance'],
    ['help', ['get', '--help'], 0, ''],
  ])('%s', async (_, inputs, code, said) => {
    const ended = await typed(...inputs);
    expect([ended.code, ended.err.includes(said)]).toEqual([code, true]);
    expect(ended.err).not.toMatch(/vauban: |Problem:|\n {4}at /);
  });

  test('a refusal of the API has a code of its own', () => {
    const parts = { at: 'x', message: 'x', fix: 'x' };
    expect(exitCodeOf(new Problem('UNAUTHENTICATED', parts))).toBe(4);
    expect(exitCodeOf(new Problem('PERMISSION_DENIED', parts))).toBe(4);
    expect(exitCodeOf(new Problem('NOT_FOUND', parts))).toBe(1);
  });
});

describe('mistakes', () => {
  test('are JSON or YAML for whoever asked for that', async () => {
    const json = await typed('get', 'instances', '-o', 'json');
    expect(JSON.parse(json.err)).toMatchObject({ error: { code: 'HOST_UNREACHABLE' } });
    const usage = await typed('get', '--output=json');
    expect([usage.code, JSON.parse(usage.err)]).toMatchObject([2, { error: { code: 'INVALID_REQUEST' } }]);
    expect(parse((await typed('get', 'instances', '-o', 'yaml')).err)).toMatchObject({
      error: { code: 'HOST_UNREACHABLE' },
    });
  });

  test('what comes after -- is not ours', () => {
    expect(outputOf(['exec', 'a', '--', 'x', '-o', 'json'])).toBe('text');
  });

  test('are each on a line with their place, and the way out under it', () => {
    const one = {
      code: 'INVALID_DOCUMENT',
      at: 'site.yaml:1:1',
      message: 'a tab',
      fix: 'Indent with spaces.',
    } as const;
    expect(described(Problem.from(one))).toBe('site.yaml:1:1: a tab\n  Indent with spaces.');
    expect(described(Problem.all([one, one]))).toBe(
      'site.yaml:1:1: a tab\n  Indent with spaces.\nsite.yaml:1:1: a tab\n  Indent with spaces.\n2 mistakes were found. Nothing was changed. Correct them, then try again.',
    );
  });
});

test('the overview names every verb and fits a terminal of 100 columns', () => {
  const text = overview(groups, styleFor(false));
  for (const verbs of Object.values(groups))
    for (const name of Object.keys(verbs)) expect(text).toContain(`  ${name} `);
  expect(Math.max(...text.split('\n').map((it) => it.length))).toBeLessThanOrEqual(100);
});

describe('completion', () => {
  const proposed = (...words: string[]): Promise<readonly string[]> =>
    complete({ env: { VAUBAN_STATE: folder }, words } as unknown as Cli, { groups, version: '0' }, words);

  test.each([
    [['ge'], ['get']],
    [['thr'], ['threats']],
    [['threats', 'd'], ['describe']],
    [['get', 'firewall'], ['firewallRules']],
    [['get', 'instances', '--out'], ['--output']],
    [['get', 'instances', '-o', 'j'], ['json']],
    [['create', 'firewall-rule', 'x', '--direction', 'in'], ['ingress']],
    [['create', 'ids'], ['ids-endpoint']],
    [
      ['completion', ''],
      ['bash', 'zsh'],
    ],
  ])('%j gives %j', async (words, expected) => {
    expect(await proposed(...words)).toEqual(expected);
  });

  test('names are none without an API, and that is no failure', async () => {
    expect(await proposed('describe', 'instance', '')).toEqual([]);
  });

  test.each(['bash', 'zsh'])('the script for %s asks for proposals', async (shell) => {
    expect((await typed('completion', shell)).out).toContain(' complete "${');
  });
});

describe('resources from flags', () => {
  /** A value as a person would type it after a flag. */
  const written = (value: unknown): string => {
    if (Array.isArray(value) && value.every((it) => typeof it === 'string')) return value.join(',');
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
  const read = (kind: AnyKind, flags: Readonly<Record<string, string>>): Record<string, unknown> => {
    const { shape } = unwrapped(kind.spec) as z.ZodObject;
    return Object.fromEntries(
      Object.entries(flags).map(([field, text]) => [field, valueFrom(shape[field], `--${field}`, text)]),
    );
  };

  test.each(kinds.map((it) => [it.kind, it] as const))('%s: its example can be typed', (_, kind) => {
    for (const spec of Object.values(kind.example)) {
      const flags = Object.fromEntries(Object.entries(spec as object).map(([field, value]) => [field, written(value)]));
      expect(read(kind, flags)).toEqual(spec);
    }
  });

  test.each([
    ['instances', { interfaces: 'subnet=a,address=10.1.0.5' }, { interfaces: [{ subnet: 'a', address: '10.1.0.5' }] }],
    ['instances', { interfaces: '[{subnet: a}, {network: b}]' }, { interfaces: [{ subnet: 'a' }, { network: 'b' }] }],
    ['instances', { labels: 'team=a,env=b', tags: 'x, y' }, { labels: { team: 'a', env: 'b' }, tags: ['x', 'y'] }],
    ['instances', { metadata: 'list=1,2,3,other=x=y' }, { metadata: { list: '1,2,3', other: 'x=y' } }],
    ['instances', { canIpForward: 'true', tags: '' }, { canIpForward: true, tags: [] }],
    ['packetMirrorings', { sources: '{subnets: [a]}', priority: '5' }, { sources: { subnets: ['a'] }, priority: 5 }],
    ['packetMirrorings', { sources: 'subnets=a' }, { sources: { subnets: ['a'] } }],
  ])('%s %j', (plural, flags, spec) => {
    const kind = kinds.find((it) => it.plural === plural);
    if (kind !== undefined) expect(read(kind, flags as unknown as Record<string, string>)).toEqual(spec);
  });

  test('@file stands for what a file holds, and a file that is not there is told', () => {
    writeFileSync(join(folder, 'script'), '#!/bin/sh\necho hello\n');
    const text = z.string();
    expect(valueFrom(text, '--startup-script', `@${join(folder, 'script')}`)).toBe('#!/bin/sh\necho hello\n');
    expect(() => valueFrom(text, '--startup-script', '@/nowhere')).toThrow(/ENOENT/);
  });

  test('YAML that is none is told with its flag', () => {
    expect(() => valueFrom(z.array(z.int()), '--ports', '[1, 2')).toThrow(expect.objectContaining({ at: '--ports' }));
  });
});
