import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { isOverdue, prune, spareIn } from './prune.ts';

const [a, b, c] = ['0123456789abcdef', '1111111111111111', '2222222222222222'];

test('what nothing names is spare, and what is not ours is not looked at', () => {
  const names = [
    ...[`debian-11-${a}`, `debian-11-${b}`, `runtime-${a}`, `runtime-${b}`],
    ...[`debian-12-${a}.build`, `debian-12-${b}.build`, `debian-11-${a}.lock`, '.runtime.AbCd0123'],
    ...['my-notes', 'debian-11', `debian-11-${a}.unused`],
  ];
  const used = [`sh run.sh /s/images/runtime-${a}:/s/images/debian-11-${a}/rootfs x`, `/s/images/debian-12-${b}`];
  expect(spareIn('/s/images', names, used.join('\n'))).toEqual([
    { kind: 'image', path: `/s/images/debian-11-${b}` },
    { kind: 'layer', path: `/s/images/runtime-${b}` },
    { kind: 'unfinished build', path: `/s/images/debian-12-${a}.build` },
    { kind: 'unfinished build', path: '/s/images/.runtime.AbCd0123' },
  ]);
});

test('a copy of the program is spare as soon as nothing runs from it', () => {
  const used = `/s/program/${a}/node /s/program/${a}/src/main/host.ts /s`;
  expect(spareIn('/s/program', [a, b, `${c}.77.new`], used).map((it) => it.path)).toEqual([
    `/s/program/${b}`,
    `/s/program/${c}.77.new`,
  ]);
});

test('the first finding starts the clock, and a week later it is overdue', () => {
  const folder = mkdtempSync(`${tmpdir()}/vauban-prune-`);
  const day = 24 * 3_600_000;
  const now = 1_700_000_000_000;
  try {
    const path = `${folder}/debian-11-${a}`;
    expect(isOverdue(path, now)).toBe(false);
    utimesSync(`${path}.unused`, now / 1000, now / 1000);
    expect(isOverdue(path, now + 6 * day)).toBe(false);
    expect(isOverdue(path, now + 8 * day)).toBe(true);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('deleting nothing frees nothing', () => {
  expect(prune([])).toBe(0);
});
