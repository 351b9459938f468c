import { readFile } from 'node:fs/promises';

/** What a control group has been charged. */
export interface Usage {
  /** Bytes. */
  readonly memory: number;
  /** Nanoseconds of processor time. */
  readonly cpu: number;
  /** Processes and threads. */
  readonly tasks: number;
}

/** Where control groups are mounted. */
export const cgroupTop = '/sys/fs/cgroup';

/**
 * Where each figure stands below `top`: on a tree for each controller (version 1, also beside an empty version 2 tree), or
 * on the one tree of version 2. The first that is there counts.
 */
const usageFiles = (group: string, top: string) => ({
  tasks: [`${top}/pids${group}/pids.current`, `${top}${group}/pids.current`],
  memory: [`${top}/memory${group}/memory.usage_in_bytes`, `${top}${group}/memory.current`],
  cpu: [`${top}/cpuacct${group}/cpuacct.usage`, `${top}${group}/cpu.stat`],
});

/** What a group (its path below the top, with a leading slash) has been charged; undefined when there is none. */
export async function readUsage(group: string, top = cgroupTop): Promise<Usage | undefined> {
  const files = usageFiles(group, top);
  const [tasks, memory, cpu] = await Promise.all([first(files.tasks), first(files.memory), first(files.cpu)]);
  return tasks === undefined ? undefined : { tasks: Number(tasks), memory: Number(memory ?? 0), cpu: cpuOf(cpu ?? '') };
}

async function first(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Nanoseconds out of cpuacct.usage, which counts them, or out of a version 2 cpu.stat, which counts microseconds. */
function cpuOf(text: string): number {
  const microseconds = /^usage_usec (\d+)$/m.exec(text)?.[1];
  return microseconds === undefined ? Number(text.trim()) || 0 : Number(microseconds) * 1000;
}
