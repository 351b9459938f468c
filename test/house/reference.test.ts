import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { problems } from '#core/problem.ts';
import { kinds } from '#kinds/index.ts';
import { references } from '#main/reference/pages.ts';

const folder = new URL('../../docs/reference/', import.meta.url);

test('the reference is fresh: `npm run docs` writes what is committed', async () => {
  const stale = Object.entries(await references()).flatMap(([name, text]) => {
    const file = new URL(name, folder);
    return existsSync(file) && readFileSync(file, 'utf8') === text ? [] : [name];
  });
  expect(stale).toEqual([]);
});

test('it names every kind and every problem', async () => {
  const pages = await references();
  for (const { plural } of kinds) expect(pages['site.md']).toContain(`## ${plural}\n`);
  for (const code of Object.keys(problems)) expect(pages['problems.md']).toContain(`\`${code}\``);
});
