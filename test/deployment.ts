import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Client } from '#client/client.ts';
import { execIn } from '#client/exec.ts';
import type { Operation } from '#control/operations.ts';
import { DEFAULT_STATE, type Deployment, deploymentAt, type Settings } from '#core/deployment.ts';
import { asProblem, Problem } from '#core/problem.ts';
import { type Leftover, leftovers } from '#lab/doctor.ts';
import { takeDown } from '#lab/down.ts';
import { bringUp } from '#lab/up.ts';

/** A whole Vauban of a test's own: its own state, port and short id, beside whatever else runs on the machine. */
export interface TestDeployment {
  readonly deployment: Deployment;
  readonly settings: Settings;
  readonly client: Client;
  /** Applies a site and waits until it is in force. Throws the operation's problem. */
  apply(site: string, options?: { readonly confirmSeconds?: number }): Promise<Operation>;
  /** Runs the command line against this deployment, as a person would. */
  vauban(...argv: string[]): Promise<Ended>;
  /** The same with something on its standard input. */
  vaubanWith(input: string, ...argv: string[]): Promise<Ended>;
  /** Runs a program inside an instance, of the only project or PROJECT/INSTANCE. What hinders it is told as an error of its own. */
  inside(instance: string, ...argv: string[]): Promise<Ended>;
  leftovers(): readonly Leftover[];
  /** Takes everything away, state included, and returns what `vauban down` had to say about it: nothing, if all went well. */
  remove(): Promise<readonly string[]>;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Images are built once for all tests of a machine. */
const sharedImages = process.env['VAUBAN_IMAGES'] ?? `${DEFAULT_STATE}/images`;

const home = new URL('..', import.meta.url).pathname.replace(/\/$/, '');
/** As the launcher has it. */
const compiled = `${home}/node_modules/.cache/node`;

/** Makes a state folder whose images and copies of the program are those of all tests. */
export function shareWithTests(state: string): void {
  mkdirSync(sharedImages, { recursive: true });
  mkdirSync(state, { recursive: true });
  symlinkSync(sharedImages, `${state}/images`);
  // Copies of the program are shared as well: they are named by their content. What no test has wanted for a day goes.
  const copies = `${DEFAULT_STATE}-test/program`;
  mkdirSync(copies, { recursive: true });
  for (const name of readdirSync(copies)) {
    const age = Date.now() - (statSync(`${copies}/${name}`, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > 86_400_000) rmSync(`${copies}/${name}`, { recursive: true, force: true });
  }
  symlinkSync(copies, `${state}/program`);
}

export async function startDeployment(environment: Readonly<Record<string, string>> = {}): Promise<TestDeployment> {
  const state = `/var/lib/vauban-test/${randomBytes(4).toString('hex')}`;
  shareWithTests(state);
  const deployment = deploymentAt(state);
  const settings = { host: '127.0.0.1', port: await freePort() };
  const remove = async (): Promise<readonly string[]> => {
    const told: string[] = [];
    await takeDown(deployment, { purge: true, say: (it) => told.push(it) });
    rmSync(state, { recursive: true, force: true });
    return told;
  };
  const client = await bringUp({ deployment, settings, say: () => {}, environment }).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  const run = (input: string | undefined, argv: readonly string[]): Promise<Ended> =>
    new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', `${home}/src/main/cli.ts`, ...argv],
        {
          env: { ...process.env, VAUBAN_STATE: state, NO_COLOR: '1', NODE_COMPILE_CACHE: compiled },
          maxBuffer: 64 * 1024 * 1024,
          timeout: 300_000,
          cwd: home,
        },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
      );
      child.stdin?.end(input ?? '');
    });
  const vauban = (...argv: string[]): Promise<Ended> => run(undefined, argv);
  return {
    deployment,
    settings,
    client,
    vauban,
    vaubanWith: (input, ...argv) => run(input, argv),
    // By the API, as the command line does it: to start that for each of hundreds of questions is most of a test's work.
    inside: async (host, ...argv) => {
      try {
        const [instance = '', project = (await client.get<{ projects: string[] }>('/v1/projects')).projects[0] ?? ''] =
          host.split('/').toReversed();
        return await execIn(client, { project, instance }, argv);
      } catch (error) {
        return { code: 1, stdout: '', stderr: `${asProblem(error).message}\n` };
      }
    },
    apply: async (site, options = {}) => {
      const { operation } = await client.post<{ operation: Operation }>('/v1/apply', {
        files: [{ path: 'site.yaml', text: site }],
        ...options,
      });
      return finished(client, operation);
    },
    leftovers: () => leftovers(deployment.id),
    remove,
  };
}

/** Waits for an operation's end. */
export async function finished(client: Client, operation: Operation): Promise<Operation> {
  if (operation.state === 'running') for await (const _ of client.events(`/v1/operations/${operation.id}/events`));
  const ended = await client.get<Operation>(`/v1/operations/${operation.id}`);
  if (ended.problem !== undefined) throw Problem.from(ended.problem);
  return ended;
}

/** Asks again and again until the answer is good; bounded, and the last answer is in the error. */
export async function eventually<T>(ask: () => Promise<T>, good: (answer: T) => boolean, seconds = 30): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (good(answer)) return answer;
    if (Date.now() > end) throw new Error(`not within ${seconds} s; last: ${JSON.stringify(answer)?.slice(0, 2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** A file for the command line, in a folder that the caller removes. */
export function siteFile(folder: string, text: string): string {
  mkdirSync(folder, { recursive: true });
  const path = `${folder}/site.yaml`;
  writeFileSync(path, text);
  return path;
}

export const exampleSite = (name: string): string => readFileSync(`${home}/examples/${name}/site.yaml`, 'utf8');
