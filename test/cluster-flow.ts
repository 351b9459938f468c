import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';

const program = new URL('cluster-flow.py', import.meta.url).pathname;

export interface FlowReport {
  /** How often the TCP connection has broken. */
  readonly deaths: number;
  readonly alive: boolean;
  /** Longest time in milliseconds between two answers, over TCP and over UDP. */
  readonly tcpGap: number;
  readonly gap: number;
  readonly echoes: number;
  readonly lost: number;
}

export interface Flow {
  readonly child: ChildProcess;
  /** Begins to measure. */
  mark(): void;
  /** What has been since. */
  report(): Promise<FlowReport>;
}

interface Started {
  readonly child: ChildProcess;
  /** What it prints: a write of the other side may come in pieces. */
  readonly lines: Interface;
}

async function start(namespace: string, ...words: string[]): Promise<Started> {
  const argv = [`--net=/run/netns/${namespace}`, '--', 'python3', program, ...words];
  const child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const ended = once(lines, 'close').then(() => {
    throw new Error(`it ended: ${words.join(' ')}`);
  });
  await Promise.race([once(lines, 'line'), ended]);
  ended.catch(() => {});
  return { child, lines };
}

export const startServer = async (namespace: string, port: number): Promise<ChildProcess> =>
  (await start(namespace, 'serve', String(port))).child;

/** One TCP connection and one UDP flow, with a small message every 5 ms that must come back. */
export async function openFlow(namespace: string, address: string, port: number): Promise<Flow> {
  const { child, lines } = await start(namespace, 'flow', address, String(port));
  return {
    child,
    mark: () => void child.stdin?.write('mark\n'),
    report: async () => {
      child.stdin?.write('report\n');
      const [line] = (await once(lines, 'line')) as [string];
      return JSON.parse(line) as FlowReport;
    },
  };
}
