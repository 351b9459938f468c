import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { namespaceOf } from '#host/machine.ts';
import type { Ended, TestDeployment } from './deployment.ts';

/** The command line as a person has it, on a machine of theirs in the simulated internet: no token, no state of a deployment. */
export interface Laptop {
  /** The person's own folder of settings. */
  readonly settings: string;
  /** The environment that a command there gets. */
  readonly env: Record<string, string>;
  run(
    argv: readonly string[],
    options?: { readonly input?: string; readonly env?: Record<string, string> },
  ): Promise<Ended>;
  /** The same, on this machine's own network, where the API is. */
  runHere(argv: readonly string[], options?: { readonly input?: string }): Promise<Ended>;
  /** A program on the laptop. */
  wrap(argv: readonly string[]): readonly string[];
  remove(): void;
}

const home = new URL('..', import.meta.url).pathname.replace(/\/$/, '');

/** `hosts` are names that the laptop knows, with their addresses. */
export function laptopOf(lab: TestDeployment, instance: string, hosts: Readonly<Record<string, string>>): Laptop {
  const folder = mkdtempSync(`${tmpdir()}/vauban-laptop-`);
  const settings = `${folder}/config`;
  mkdirSync(settings);
  writeFileSync(
    `${folder}/hosts`,
    Object.entries(hosts)
      .map(([name, it]) => `${it} ${name}\n`)
      .join(''),
  );
  const namespace = namespaceOf(lab.deployment.id, `vm.${instance.replace('/', '.')}`);
  const wrap = (argv: readonly string[]): readonly string[] => [
    ...['nsenter', `--net=/run/netns/${namespace}`, 'unshare', '--mount', 'sh', '-c'],
    ...['mount --bind "$0" /etc/hosts && exec "$@"', `${folder}/hosts`, ...argv],
  ];
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    XDG_CONFIG_HOME: settings,
    NO_COLOR: '1',
    VAUBAN_STATE: `${folder}/no-state`,
    VAUBAN_API: `https://127.0.0.1:${lab.settings.port}`,
    VAUBAN_CA_FILE: `${lab.deployment.apiFolder}/server.crt`,
  };
  const vauban = [process.execPath, '--disable-warning=ExperimentalWarning', `${home}/src/main/cli.ts`];
  const start = (words: readonly string[], more: Record<string, string>, input?: string): Promise<Ended> =>
    new Promise((resolve) => {
      const [program = '', ...argv] = words;
      const child = execFile(
        program,
        argv,
        { env: { ...env, ...more }, timeout: 120_000, cwd: home },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
      );
      child.stdin?.end(input ?? '');
    });
  return {
    ...{ settings, env, wrap },
    run: (argv, options = {}) => start(wrap([...vauban, ...argv]), options.env ?? {}, options.input),
    runHere: (argv, options = {}) => start([...vauban, ...argv], {}, options.input),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
