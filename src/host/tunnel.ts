import { lstatSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { asProblem, Problem, problems } from '#core/problem.ts';
import type { EdgeInput } from '#engines/edge/input.ts';
import { edgePaths } from '#engines/edge/paths.ts';
import { splice } from './splice.ts';

export interface TunnelParts {
  readonly machine: Machine;
  readonly artifacts: () => readonly Artifact[];
}

/**
 * `/tunnel?artifact=edge/PROJECT`: leads control to the operators' socket of an edge, which nobody but root and the edge
 * itself can open. What is said there is HTTP between those two; here it is bytes.
 */
export function serveTunnel(parts: TunnelParts, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  let path: string;
  try {
    path = operatorSocket(parts, new URL(request.url ?? '/', 'http://host').searchParams.get('artifact') ?? '');
  } catch (error) {
    refuse(socket, asProblem(error));
    return;
  }
  const edge = connect({ path, allowHalfOpen: true });
  edge.once('error', () => refuse(socket, unreachable(path)));
  edge.once('connect', () => {
    edge.removeAllListeners('error');
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: vauban-tunnel\r\n\r\n');
    if (head.length > 0) edge.write(head);
    splice(socket, edge);
  });
}

function operatorSocket({ machine, artifacts }: TunnelParts, id: string): string {
  const held = artifacts().find((it) => it.id === id && it.engine === 'edge');
  if (held === undefined)
    throw new Problem('NOT_FOUND', { at: id, message: 'there is no such edge here', fix: 'Apply the site again.' });
  const path = edgePaths(machine, (held.input as EdgeInput).project.id).operator;
  // The load balancer can write into that folder, too: what it puts there is not the edge.
  const owner = lstatSync(path, { throwIfNoEntry: false })?.uid;
  if (owner !== machine.users.edge.uid) throw unreachable(path);
  return path;
}

const unreachable = (path: string): Problem =>
  new Problem('HOST_UNREACHABLE', {
    at: `unix:${path}`,
    message: 'the edge service does not answer',
    fix: 'It is started again by itself; `vauban doctor` shows how it is.',
  });

function refuse(socket: Duplex, problem: Problem): void {
  const body = JSON.stringify(problem);
  const { status, title } = problems[problem.code];
  const head = `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/json\r\nconnection: close\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
