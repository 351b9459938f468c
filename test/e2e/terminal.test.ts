import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';

const site = `project: lab
networks: { vpc: { defaultInternetRoute: false } }
subnets:
  a: { network: vpc, region: us-east1, range: 10.1.0.0/24 }
instances:
  box: { zone: us-east1-b, image: debian-12, interfaces: [{ subnet: a }] }
`;

const home = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const command = [process.execPath, '--disable-warning=ExperimentalWarning', `${home}/src/main/cli.ts`];

let lab: TestDeployment;

beforeAll(async () => {
  lab = await startDeployment();
  await lab.apply(site);
}, 600_000);

afterAll(async () => {
  await lab?.remove();
}, 120_000);

const environment = () => ({ ...process.env, VAUBAN_STATE: lab.deployment.state, TERM: 'xterm-256color' });

const start = (...argv: string[]): ChildProcess =>
  spawn(command[0] ?? '', [...command.slice(1), 'exec', 'box', '--', ...argv], { env: environment() });

/** Resident memory in MiB. */
const memoryOf = ({ pid }: ChildProcess): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

const ended = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.on('close', resolve));

test('a shell on a terminal has its size, its keys, its job control and its exit code', () => {
  const { stdout, stderr } = spawnSync('python3', [`${home}/test/e2e/terminal.py`, ...command, 'ssh', 'box'], {
    env: environment(),
    encoding: 'utf8',
    timeout: 110_000,
  });
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual([
    ...['size', 'terminal', 'user', 'resized', 'interrupted', 'stopped'],
    'code 7',
  ]);
});

test('exit codes and signals of a command are those of the command line', async () => {
  expect((await lab.inside('box', 'sh', '-c', 'exit 42')).code).toBe(42);
  expect((await lab.inside('box', 'sh', '-c', 'kill -TERM $$')).code).toBe(143);
});

test.each([
  ['is not there', 'no-such-program', 127, /no-such-program: not found/],
  ['may not be run', '/etc/hostname', 126, /\/etc\/hostname: Permission denied/],
])('a program that %s is said, with the exit code of a shell, whoever runs it', async (_, program, code, said) => {
  for (const user of ['root', 'debian']) {
    const ended = await lab.vauban('exec', '--user', user, 'box', '--', program);
    expect(ended.code).toBe(code);
    expect(ended.stderr.replaceAll(/[‘’']/g, '')).toMatch(user === 'root' ? said : /No such file|Permission denied/);
  }
});

test('every byte goes in and comes out as it is', async () => {
  const bytes = Buffer.alloc(3_000_000, createHash('sha512').update('seed').digest());
  for (let at = 0; at < 256; at++) bytes[at] = at;
  const child = start('cat');
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stdin?.end(bytes);
  expect(await ended(child)).toBe(0);
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
});

test('a hundred megabytes for a reader who waits do not pile up in the command line', async () => {
  const child = start('head', '-c', '100000000', '/dev/zero');
  let size = 0;
  child.stdout?.once('readable', () => {});
  await new Promise((resolve) => setTimeout(resolve, 4000));
  expect(memoryOf(child)).toBeLessThan(160);
  child.stdout?.on('data', (chunk: Buffer) => {
    size += chunk.length;
  });
  expect(await ended(child)).toBe(0);
  expect(size).toBe(100_000_000);
});

test('a client that goes away ends the command', async () => {
  const seconds = String(100_000 + Math.floor(process.pid % 90_000));
  const child = start('sleep', seconds);
  const running = async (): Promise<number> => (await lab.inside('box', 'pgrep', '-fx', `sleep ${seconds}`)).code;
  await eventually(running, (code) => code === 0);
  child.kill('SIGKILL');
  await eventually(running, (code) => code === 1, 15);
});
