import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ExecRequest, TerminalSize } from '#core/host.ts';
import type { Machine } from '#core/machine.ts';
import { execArgv, resizeArgv } from '#engines/sandbox/exec.ts';
import { encodeFrame, encodeJsonFrame, FRAME_LIMIT, FrameReader } from '#lib/frames.ts';
import { run } from './exec.ts';
import { forLatest } from './latest.ts';

export interface SessionParts {
  readonly machine: Machine;
  /** Name of the sandbox that an artifact is; undefined when it is none. */
  readonly sandboxOf: (artifact: string) => string | undefined;
}

/** A command inside an instance, over a connection that was upgraded to frames. The first frame says what to run. */
export function serveSession(
  { machine, sandboxOf }: SessionParts,
  _request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: vauban-session\r\n\r\n');
  const reader = new FrameReader();
  let session: Session | undefined;
  const take = (chunk: Uint8Array): void => {
    try {
      for (const { type, payload } of reader.push(chunk)) {
        if (session === undefined)
          session = begin(machine, sandboxOf, ExecRequest.parse(JSON.parse(payload.toString())), socket);
        else session.take(type, payload);
      }
    } catch (error) {
      socket.end(
        encodeJsonFrame('exit', { code: 126, message: error instanceof Error ? error.message : String(error) }),
      );
    }
  };
  if (head.length > 0) take(head);
  socket.on('data', take);
  // The other side ends a session by frames; when it only stops sending, it has gone.
  socket.on('end', () => socket.destroy());
  socket.on('error', () => session?.hangUp());
  socket.on('close', () => session?.hangUp());
}

interface Session {
  take(type: string, payload: Buffer): void;
  hangUp(): void;
}

function begin(machine: Machine, sandboxOf: SessionParts['sandboxOf'], request: ExecRequest, socket: Duplex): Session {
  const name = sandboxOf(request.artifact);
  if (name === undefined) throw new RangeError(`${request.artifact} is not an instance`);
  const id = randomUUID();
  const { tty } = request;
  mkdirSync(`${machine.run}/exec`, { recursive: true, mode: 0o700 });
  const pidFile = `${machine.run}/exec/${id}`;
  const [file = '', ...rest] = execArgv(machine, name, {
    argv: request.argv[0] === '' ? [] : request.argv,
    user: request.user,
    pidFile,
    ...(tty === undefined
      ? {}
      : { terminal: { session: id, rows: tty.rows, columns: tty.columns }, env: { TERM: tty.term } }),
  });
  const child = spawn(file, rest, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', SHELL: '/bin/sh' },
  });
  let over = false;
  // Each is a program of root's for a moment: a window that is dragged, or a client that asks without end, gets one at a time.
  const resize = forLatest<{ readonly rows: number; readonly columns: number }>((size) =>
    run(resizeArgv(machine, name, id, size)),
  );
  const pass = (type: 'output' | 'error', from: NodeJS.ReadableStream) =>
    from.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length; at += FRAME_LIMIT) {
        if (!socket.write(encodeFrame(type, chunk.subarray(at, at + FRAME_LIMIT)))) {
          from.pause();
          socket.once('drain', () => from.resume());
        }
      }
    });
  pass('output', child.stdout);
  pass('error', child.stderr);
  child.stdin.on('error', () => {});
  child.on('error', (error) => socket.end(encodeJsonFrame('exit', { code: 127, message: error.message })));
  child.on('close', (code) => {
    over = true;
    rmSync(pidFile, { force: true });
    socket.end(encodeJsonFrame('exit', { code: code ?? 137 }));
  });
  return {
    take: (type, payload) => {
      if (type === 'input' && !child.stdin.write(payload)) {
        socket.pause();
        child.stdin.once('drain', () => socket.resume());
        child.stdin.once('close', () => socket.resume());
      }
      if (type === 'end') child.stdin.end();
      if (type === 'resize' && tty !== undefined) {
        const size = TerminalSize.safeParse(JSON.parse(payload.toString()));
        if (size.success && !over) resize(size.data);
      }
    },
    hangUp: () => {
      if (over || child.pid === undefined) return;
      over = true;
      child.stdin.end();
      endCommand(pidFile);
      signalGroup(child.pid, 'SIGHUP');
    },
  };
}

/** Milliseconds that a command has to end by itself when whoever ran it has gone. */
const grace = 5000;

/** Ends the group of processes inside: the command, its pipes, and the terminal that it may stand in. */
function endCommand(pidFile: string): void {
  const found = groupOf(pidFile);
  if (found === undefined) return;
  signalGroup(found.group, 'SIGHUP');
  setTimeout(() => {
    const now = groupOf(pidFile);
    if (now !== undefined && now.start === found.start) signalGroup(now.group, 'SIGKILL');
    rmSync(pidFile, { force: true });
  }, grace).unref();
}

/** The process group of a command, and when the command was started: process ids come again. */
function groupOf(pidFile: string): { readonly group: number; readonly start: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${readFileSync(pidFile, 'utf8').trim()}/stat`, 'utf8');
    // After the name, which may hold anything: state, parent, group, and so on; see proc(5).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const group = Number(fields[2]);
    return group > 1 ? { group, start: fields[19] ?? '' } : undefined;
  } catch {
    return undefined;
  }
}

function signalGroup(group: number, signal: 'SIGHUP' | 'SIGKILL'): void {
  try {
    process.kill(-group, signal);
  } catch {
    // It ended in this very moment.
  }
}
