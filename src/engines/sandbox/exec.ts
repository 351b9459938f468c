import type { Machine } from '#core/machine.ts';
import { placeOf } from './input.ts';

export interface SandboxCommand {
  /** One word per element; empty: the user's login shell. */
  readonly argv?: readonly string[];
  /** Default root. Anybody else logs in first, so that groups and environment are theirs. */
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default /. */
  readonly cwd?: string;
  /** File on the machine that gets the command's process id, as the machine counts. */
  readonly pidFile?: string;
  /** A terminal of this size, kept under the name `session` so that {@link resizeArgv} finds it. */
  readonly terminal?: { readonly session: string; readonly rows: number; readonly columns: number };
}

type Place = Pick<Machine, 'deployment' | 'state' | 'run' | 'home'>;

const loginEnvironment = {
  HOME: '/root',
  LANG: 'C.UTF-8',
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};

/** A word as a shell reads it back. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

function inside({ argv = [], user = 'root', env = {}, cwd }: SandboxCommand): string[] {
  // By a shell, because crun ends with 255 when there is no such program; a shell says so and ends with 127, or with 126
  // when it may not be run. It hands over to the program at once.
  if (user === 'root' && argv.length > 0) return ['sh', '-c', 'exec "$@"', 'vauban', ...argv];
  const login = ['runuser', '--login', user];
  if (argv.length === 0) return login;
  const variables = Object.entries(env).map(([name, value]) => quoted(`${name}=${value}`));
  const move = cwd === undefined ? '' : `cd ${quoted(cwd)} && `;
  return [...login, '--command', `${move}exec env ${[...variables, ...argv.map(quoted)].join(' ')}`];
}

const terminalProgram = '/usr/lib/vauban/terminal';

const sessionName = (session: string): string => {
  if (!/^[a-z0-9-]{1,64}$/.test(session)) throw new RangeError(`not the name of a session: ${session}`);
  return session;
};

interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** The terminal is made inside, so that its size can be changed there and nothing of it is on the machine. */
function inTerminal({ session, rows, columns }: { readonly session: string } & TerminalSize, argv: readonly string[]) {
  const words = [terminalProgram, sessionName(session), String(rows), String(columns), ...argv];
  return ['script', '--quiet', '--return', '--flush', '--command', words.map(quoted).join(' '), '/dev/null'];
}

/**
 * The program that runs a command inside an instance: same namespaces, limits and filter as everything in it. Its
 * standard input, output and exit code are the command's; with a terminal, they are that terminal's.
 */
export function execArgv(machine: Place, name: string, command: SandboxCommand): string[] {
  const { crunRoot, container } = placeOf(machine, name);
  const { terminal, env = {}, cwd = '/', pidFile } = command;
  const base = { ...loginEnvironment, TERM: terminal === undefined ? 'dumb' : 'xterm-256color' };
  const variables = Object.entries({ ...base, ...env });
  return [
    ...['sh', `${machine.home}/src/engines/sandbox/exec.sh`, '--root', crunRoot, 'exec', '--cwd', cwd],
    ...(pidFile === undefined ? [] : ['--pid-file', pidFile]),
    ...variables.flatMap(([variable, value]) => ['--env', `${variable}=${value}`]),
    container,
    ...(terminal === undefined ? inside(command) : inTerminal(terminal, inside(command))),
  ];
}

/** Tells the terminal of a session its new size; the program inside is told by the kernel. */
export function resizeArgv(machine: Place, name: string, session: string, { rows, columns }: TerminalSize): string[] {
  return execArgv(machine, name, {
    argv: [terminalProgram, '--resize', sessionName(session), String(rows), String(columns)],
  });
}
