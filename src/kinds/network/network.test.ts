import { expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import { overlaps, prefix } from '#lib/ip.ts';
import { admit, withoutImplied } from '#plan/admit.ts';
import { compile } from '#plan/compile.ts';
import { parseSite } from '#plan/site.ts';
import { AUTO_BLOCK, autoRanges } from './regions.ts';

const admitted = (text: string, before = emptySnapshot) =>
  admit(parseSite([{ path: 'site.yaml', text }]).declared, before);

const auto = `
project: lab
networks: { wide: { mode: auto } }
`;

test('the ranges of auto mode are apart and inside of its block', () => {
  const all = Object.values(autoRanges).map(prefix);
  for (const [index, one] of all.entries()) {
    expect(overlaps(one, prefix(AUTO_BLOCK))).toBe(true);
    expect(all.slice(index + 1).some((other) => overlaps(one, other))).toBe(false);
  }
});

test('an auto mode network brings a subnet in every region, which belongs to it alone', () => {
  const { snapshot, problems } = admitted(auto);
  expect(problems).toEqual([]);
  const names = snapshot.resources.filter((it) => it.kind === 'subnet').map((it) => it.name);
  expect(names).toEqual(
    Object.keys(autoRanges)
      .map((region) => `wide-${region}`)
      .sort(),
  );
  expect(withoutImplied(snapshot.resources).map((it) => it.kind)).toEqual(['network']);
});

test('a subnet of one’s own is taken in an auto mode network only outside of its block', () => {
  const own = (range: string) => `${auto}subnets: { more: { network: wide, region: us-east1, range: ${range} } }\n`;
  expect(admitted(own('10.1.0.0/24')).problems).toEqual([]);
  expect(admitted(own('10.200.64.0/24')).problems.map((it) => [it.at, it.code])).toEqual([
    ['site.yaml:4:60 subnets/more range', 'CONFLICTING'],
  ]);
});

test('what a network is given towards the internet is its alone and stays', () => {
  const two = 'project: lab\nnetworks: { a: {}, b: {} }\n';
  const transits = (it: ReturnType<typeof admitted>) =>
    it.snapshot.resources.map(({ name, assigned }) => [name, (assigned as { transit: string }).transit]);
  const first = admitted('project: lab\nnetworks: { b: {} }\n');
  expect(transits(first)).toEqual([['b', '198.18.0.1']]);
  expect(transits(admitted(two, first.snapshot))).toEqual([
    ['a', '198.18.0.2'],
    ['b', '198.18.0.1'],
  ]);
});

test('the internet has an uplink when somebody asks for one, and only then', () => {
  const engines = (uplink: string) =>
    compile(admitted(`project: lab\nnetworks: { a: {} }\ninternet: { uplink: ${uplink} }\n`).snapshot).map(
      (it) => it.id,
    );
  expect(engines('none')).not.toContain('uplink/internet');
  expect(engines('host')).toContain('uplink/internet');
});

test('the one resource of its kind is written without a name', () => {
  const { snapshot, problems } = admitted('project: lab\nprojectMetadata: { attributes: { a: b } }\n');
  expect(problems).toEqual([]);
  expect(snapshot.resources.map((it) => [it.kind, it.name])).toEqual([['projectMetadata', 'project-metadata']]);
  const wrong = parseSite([{ path: 'site.yaml', text: 'project: lab\ninternet: { uplink: hots }\n' }]);
  expect(wrong.problems.map((it) => [it.at, it.fix])).toEqual([
    ['site.yaml:2:21 internet uplink', 'Did you mean host?'],
  ]);
});
