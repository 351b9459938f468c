import { expect, test } from 'vitest';
import { compile } from './compile.ts';
import type { FilterInput } from './input.ts';
import { office } from './office.fixture.ts';

const compiled = (rest: Partial<FilterInput>): string =>
  compile({ ...office, ...rest })
    .hooks.flatMap((it) => [it.name, ...it.lines])
    .join('\n');

const managed = (untracked?: 'answers' | 'both'): FilterInput['local'] =>
  office.local.map(({ untracked: _, ...it }) => (untracked === undefined ? it : { ...it, untracked }));

test('what nobody wants past the connection table is not led past it', () => {
  expect(compiled({ local: managed() })).not.toMatch(/notrack|untracked [a-z]/);
});

test('what does not name who may ask is left to the connection table', () => {
  const local = managed('answers').map((it) => ({ ...it, source: { sets: [], negated: false } }));
  expect(compiled({ local })).not.toContain('notrack');
});

test('between ends that both ask an answer comes to their port alone, or to a connection that is there', () => {
  const text = compiled({ local: managed('both') });
  for (const line of text.split('\n').filter((it) => /untracked .*th sport/.test(it)))
    expect(line).toContain('tcp flags & (syn | ack) != syn');
  expect(text).not.toMatch(/meta l4proto 17 th sport/);
});

test('where a server is published at the same port, the address is left to the connection table', () => {
  const [publish] = office.nat.filter((it) => it.kind === 'publish');
  if (publish === undefined) throw new Error('the office publishes a server');
  const nat = [{ ...publish, services: ['lab/serviceObject/management'] }];
  expect(compiled({ nat, local: managed('answers') })).toMatch(/ip daddr != 147\.135\.161\.153 notrack/);
  expect(compiled({ nat: [publish], local: managed('answers') })).not.toContain('ip daddr !=');
});
