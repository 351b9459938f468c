import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Machine, RunOptions, RunResult } from '#core/machine.ts';
import { authorityIn } from '#host/authority.ts';
import { makeFolder, writeFile } from '#host/files.ts';

/** A machine for end-to-end tests: it really runs programs, in namespaces of its own. */
export interface TestMachine extends Machine {
  /** Makes a namespace, with `lo` up; {@link TestMachine.cleanup} takes it away. */
  addNamespace(name: string): Promise<void>;
  /** Runs a program that must succeed, from words parted by single spaces; gives its standard output. */
  sh(command: string, options?: RunOptions): Promise<string>;
  /** Removes the namespaces and folders that were made. Call it in afterAll, it never throws. */
  cleanup(): Promise<void>;
}

const nobody = { uid: 65_534, gid: 65_534 };

export async function testMachine(): Promise<TestMachine> {
  const deployment = randomBytes(3).toString('hex');
  const folder = await mkdtemp(join(tmpdir(), `vbt-${deployment}-`));
  const made: string[] = [];
  const namespace = (name: string): string => `vbt-${deployment}-${name}`;
  const exec = (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
    run(options.namespace === undefined ? argv : inNamespace(namespace(options.namespace), argv), options);
  const sh = async (command: string, options?: RunOptions): Promise<string> => {
    const { code, stdout, stderr } = await exec(command.split(' '), options);
    if (code !== 0) throw new Error(`${command}: ${stderr.trim() || `exit code ${code}`}`);
    return stdout;
  };
  const absent = (): never => {
    throw new Error('the test machine supervises nothing');
  };
  return {
    deployment,
    state: join(folder, 'state'),
    run: join(folder, 'run'),
    home: resolve(import.meta.dirname, '..'),
    users: {
      control: nobody,
      metadata: nobody,
      edge: nobody,
      proxy: nobody,
      directory: nobody,
      gateway: nobody,
      ipsec: nobody,
      dhcp: nobody,
      urlFilter: nobody,
      vpn: nobody,
    },
    unseal: (value) => value,
    derived: (purpose) => purpose,
    authority: authorityIn(join(folder, 'state', 'authority'), deployment),
    supervisor: { ensure: absent, remove: absent, signal: absent, status: absent },
    namespace,
    exec,
    sh,
    progress: () => {},
    async addNamespace(name) {
      made.push(namespace(name));
      await sh(`ip netns add ${namespace(name)}`);
      await sh('ip link set lo up', { namespace: name });
    },
    writeFile,
    makeFolder,
    async cleanup() {
      for (const name of made.splice(0)) await run(['ip', 'netns', 'delete', name], {});
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** nsenter, because `ip netns exec` also makes a mount namespace, which takes longer than most of what we run. */
export const inNamespace = (name: string, argv: readonly string[]): readonly string[] => [
  'nsenter',
  `--net=/run/netns/${name}`,
  ...argv,
];

function run(argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const [program = '', ...words] = argv;
  return new Promise((done) => {
    const child = spawn(program, words, {
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      timeout: options.timeout ?? 60_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    const look = () => options.done?.({ stdout, stderr }) === true && done({ code: 0, stdout, stderr });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      look();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      look();
    });
    // A program that ends without reading its input is not our failure; its exit code tells.
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
    child.on('error', (error) => done({ code: 127, stdout, stderr: error.message }));
    child.on('close', (code) => {
      for (const line of stderr.split('\n').filter((it) => it !== '')) options.onLine?.(line);
      done({ code: code ?? 137, stdout, stderr });
    });
  });
}
