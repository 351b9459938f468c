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

/** Where each figure stands, on version 1 trees and on the version 2 tree; the first that is there counts. */
export const usageFiles = (group: string) => ({
  tasks: [`${top}/pids${group}/pids.current`, `${top}${group}/pids.current`],
  memory: [`${top}/memory${group}/memory.usage_in_bytes`, `${top}${group}/memory.current`],
  cpu: [`${top}/cpuacct${group}/cpuacct.usage`, `${top}${group}/cpu.stat`],
});

/** Nanoseconds out of cpuacct.usage, which counts them, or out of a version 2 cpu.stat, which counts microseconds. */
export function cpuOf(text: string): number {
  const microseconds = /^usage_usec (\d+)$/m.exec(text)?.[1];
  return microseconds === undefined ? Number(text.trim()) || 0 : Number(microseconds) * 1000;
}
