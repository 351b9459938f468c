import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cgroups } from '#lab/doctor.ts';
import { readUsage } from './cgroup.ts';

/** What stands below /sys/fs/cgroup, as kernels of each kind write it, with one group of ours in it. */
const version1 = {
  'memory/vauban/ab12/web/memory.usage_in_bytes': '12345344\n',
  'cpu,cpuacct/vauban/ab12/web/cpuacct.usage': '1500000000\n',
  // The kernel links each controller of a joined tree to it.
  'cpuacct/vauban/ab12/web/cpuacct.usage': '1500000000\n',
  'pids/vauban/ab12/web/pids.current': '7\n',
  'cpuset/tasks': '1\n',
};
const version2 = {
  'cgroup.controllers': 'cpuset cpu io memory hugetlb pids rdma misc\n',
  'vauban/ab12/web/memory.current': '12345344\n',
  'vauban/ab12/web/cpu.stat': 'usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nnr_periods 3\n',
  'vauban/ab12/web/pids.current': '7\n',
};
const hosts = [
  { name: 'version 1', files: version1, types: { '': 'tmpfs' } },
  { name: 'version 2', files: version2, types: { '': 'cgroup2fs' } },
  {
    name: 'hybrid; instances see version 1',
    files: { ...version1, 'unified/cgroup.controllers': '\n' },
    types: { '': 'tmpfs', '/unified': 'cgroup2fs' },
  },
] as const;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(`${tmpdir()}/vauban-cgroup-`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(place: string, files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(`${place}/${name}`), { recursive: true });
    writeFileSync(`${place}/${name}`, text);
  }
  return place;
}

/** Runs crun.sh where every program that it asks or starts is one that only prints what it was asked. */
function crunOn(types: Readonly<Record<string, string>>): string {
  const bin = write(mkdtempSync(`${folder}/bin-`), {
    stat: `#!/bin/sh\ncase "$4" in\n${Object.entries(types)
      .map(([path, type]) => `/sys/fs/cgroup${path}) echo ${type} ;;`)
      .join('\n')}\n*) exit 1 ;;\nesac\n`,
    crun: '#!/bin/sh\necho "crun $*"\n',
    unshare: '#!/bin/sh\necho "apart: $*"\n',
  });
  for (const name of ['stat', 'crun', 'unshare']) chmodSync(`${bin}/${name}`, 0o755);
  const script = new URL('crun.sh', import.meta.url).pathname;
  return spawnSync('/bin/sh', [script, 'state', 'x'], { env: { PATH: bin }, encoding: 'utf8' }).stdout.trim();
}

describe.each(hosts)('on a machine with control groups of $name', ({ name, files, types }) => {
  test('memory, processor time and tasks of an instance are read', async () => {
    const top = write(mkdtempSync(`${folder}/top-`), files);
    const expected = { memory: 12_345_344, cpu: 1_500_000_000, tasks: 7 };
    expect(await readUsage('/vauban/ab12/web', top)).toEqual(expected);
    expect(await readUsage('/vauban/ab12/gone', top)).toBeUndefined();
  });

  test('doctor knows it', () => {
    expect(cgroups(write(mkdtempSync(`${folder}/top-`), files))).toEqual({ state: 'ok', text: name });
  });

  test('crun sees one kind of tree only', () => {
    const apart =
      'apart: --mount --propagation private sh -c umount /sys/fs/cgroup/unified && exec crun "$@" crun state x';
    expect(crunOn(types)).toBe('/unified' in types ? apart : 'crun state x');
  });
});

test('a machine that cannot limit memory is unfit, and doctor says so', () => {
  const { 'memory/vauban/ab12/web/memory.usage_in_bytes': _, ...rest } = version1;
  const unfit = { state: 'failed', text: 'no controller for memory', fatal: true };
  expect(cgroups(write(mkdtempSync(`${folder}/top-`), rest))).toEqual(unfit);
  const few = { 'cgroup.controllers': 'cpuset cpu pids\n' };
  expect(cgroups(write(mkdtempSync(`${folder}/top-`), few))).toEqual(unfit);
});
