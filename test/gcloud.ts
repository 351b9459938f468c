import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';

/**
 * The cloud's own command line as it is, in a network namespace, with what it offers to be configured by: a file with a token,
 * and the certificates that it trusts. Names that it would ask the internet for stand in the hosts file.
 */
export interface Gcloud {
  /** Starts it; whatever it still does is ended by {@link Gcloud.stop}. */
  start(...argv: string[]): ChildProcess;
  /** Feeds it, lets it go when it has said enough, and gives what that was. It does not wait for answers once its input is over. */
  exchange(
    input: string | Buffer,
    isEnough: (said: Buffer) => boolean,
    ...argv: string[]
  ): Promise<{ stdout: Buffer; stderr: string }>;
  stop(): void;
}

export interface GcloudSurroundings {
  /** For its settings; on the machine's file system. */
  readonly folder: string;
  /** File of a network namespace. */
  readonly namespace: string;
  readonly project: string;
  readonly token: string;
  /** PEM. */
  readonly authority: string;
  readonly hosts: Readonly<Record<string, string>>;
}

/** Google distributes it and Debian does not, so it is not there on every machine. */
export const hasGcloud: boolean = spawnSync('gcloud', ['--version'], { stdio: 'ignore' }).status === 0;

export function gcloud(it: GcloudSurroundings): Gcloud {
  mkdirSync(it.folder, { recursive: true });
  const file = (name: string, text: string): string => {
    writeFileSync(`${it.folder}/${name}`, text, { mode: 0o600 });
    return `${it.folder}/${name}`;
  };
  const names = Object.entries(it.hosts).map(([name, address]) => `${address} ${name}\n`);
  const hosts = file('hosts', ['127.0.0.1 localhost\n', ...names].join(''));
  const env = {
    ...process.env,
    CLOUDSDK_CONFIG: `${it.folder}/config`,
    CLOUDSDK_CORE_PROJECT: it.project,
    CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: file('token', it.token),
    CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE: file('authority.pem', it.authority),
    CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
    CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: '1',
    CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: '1',
  };
  const children: ChildProcess[] = [];
  const start = (...argv: string[]): ChildProcess => {
    const inside = `mount --bind ${hosts} /etc/hosts && exec gcloud "$@"`;
    const words = [`--net=${it.namespace}`, 'unshare', '--mount', 'sh', '-c', inside, 'gcloud', ...argv];
    const child = spawn('nsenter', words, { env, stdio: 'pipe' });
    children.push(child);
    return child;
  };
  return {
    start,
    exchange: async (input, isEnough, ...argv) => {
      const child = start(...argv);
      let [out, said] = [Buffer.alloc(0), ''];
      child.stdout?.on('data', (part: Buffer) => {
        out = Buffer.concat([out, part]);
        if (isEnough(out)) child.stdin?.end();
      });
      child.stderr?.on('data', (part: Buffer) => {
        said += part.toString();
      });
      child.stdin?.on('error', () => {});
      child.stdin?.write(input);
      await new Promise((done) => child.once('close', done));
      return { stdout: out, stderr: said };
    },
    stop: () => {
      for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGTERM');
    },
  };
}
