import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { RoutingRouter } from '#engines/routing/input.ts';

type Probe = NonNullable<RoutingRouter['probe']>;

export interface Asked {
  readonly target: string;
  readonly interface: string;
}

/** Milliseconds that an answer took; undefined: there was none. */
export const ask = (asked: Asked, probe: Probe): Promise<number | undefined> =>
  probe.method === 'icmp' ? echo(asked, probe) : connection(asked, probe);

/** One echo, by the interface of the router. */
const echo = ({ target, interface: port }: Asked, { timeoutMs }: Probe): Promise<number | undefined> =>
  new Promise((done) => {
    const began = performance.now();
    const child = spawn('ping', ['-n', '-q', '-c', '1', '-W', String(timeoutMs / 1000), '-I', port, target], {
      stdio: 'ignore',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    });
    // A `ping` that hangs is no answer either.
    const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs + 2000);
    child.on('error', () => done(undefined));
    child.on('close', (code) => {
      clearTimeout(late);
      done(code === 0 ? performance.now() - began : undefined);
    });
  });

/** Whoever refuses a connection is there all the same. */
const connection = ({ target }: Asked, { port, timeoutMs }: Probe): Promise<number | undefined> =>
  new Promise((done) => {
    const began = performance.now();
    const socket = connect({ host: target, port, family: 4 });
    const end = (answered: boolean): void => {
      clearTimeout(late);
      socket.resetAndDestroy();
      done(answered ? performance.now() - began : undefined);
    };
    const late = setTimeout(() => end(false), timeoutMs);
    socket.on('connect', () => end(true));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'));
  });
