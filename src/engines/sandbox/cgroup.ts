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

const top = '/sys/fs/cgroup';

const read = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);

/** The first of several files that is there, as a number. */
async function firstNumber(paths: readonly string[]): Promise<number | undefined> {
  for (const path of paths) {
    const text = await read(path);
    if (text !== undefined) return Number(text.trim());
  }
  return undefined;
}

/** Nanoseconds out of a version 2 cpu.stat, which counts microseconds. */
export function cpuOf(stat: string): number {
  return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1] ?? 0) * 1000;
}

/** Reads version 1 and version 2 trees; undefined when there is no such group. */
export async function readUsage(group: string): Promise<Usage | undefined> {
  const tasks = await firstNumber([`${top}/pids${group}/pids.current`, `${top}${group}/pids.current`]);
  if (tasks === undefined) return undefined;
  const memory = await firstNumber([`${top}/memory${group}/memory.usage_in_bytes`, `${top}${group}/memory.current`]);
  const cpu = await firstNumber([`${top}/cpuacct${group}/cpuacct.usage`]);
  return { memory: memory ?? 0, cpu: cpu ?? cpuOf((await read(`${top}${group}/cpu.stat`)) ?? ''), tasks };
}
