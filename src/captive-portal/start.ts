import * as z from 'zod';
import type { PortalFile } from '#engines/captive-portal/input.ts';
import type { CaptivePortalPaths } from '#engines/captive-portal/paths.ts';
import { granting } from '#engines/filter/granting.ts';
import { jsonIn, replaceFile } from '#engines/kept-file.ts';
import { Edge } from '#vpn/edge.ts';
import { exec } from '#vpn/exec.ts';
import { operatorServer } from '#vpn/operator.ts';
import { PortalEdge } from './edge.ts';
import { neighboursIn } from './neighbours.ts';
import { Portal, Session } from './portal.ts';

/** Milliseconds between two looks at clocks and neighbours, and between two questions when nobody told of a change. */
const LOOK = 2000;
const ASK = 60_000;

type Paths = Pick<CaptivePortalPaths, 'sessions' | 'socket'>;

/** The service of the captive portal of one gateway; gives what stops it. Nobody who is signed in is harmed by that. */
export function startPortal(it: { readonly file: PortalFile; readonly hash: string }, paths: Paths): () => void {
  const { file, hash } = it;
  const edge = new PortalEdge(file.edgeSocket, file.portal);
  const portal = new Portal({
    edge,
    rights: granting({ run: file.run, namespace: file.namespace, source: 'portal', exec, now: () => new Date() }),
    sessions: z.array(Session).catch([]).parse(jsonIn(paths.sessions)),
    keep: (sessions) => replaceFile(paths.sessions, JSON.stringify(sessions)),
    neighbours: async () => neighboursIn((await exec(['ip', '-j', '-4', 'neigh', 'show'])).stdout),
    now: Date.now,
  });
  const failed = (error: unknown): void => console.error(String(error));
  const refresh = (): void => void portal.refresh().catch(failed);
  const stopFollowing = new Edge(file.edgeSocket, file.portal).follow(refresh);
  const timers = [setInterval(() => void portal.look().catch(failed), LOOK), setInterval(refresh, ASK)];
  const server = operatorServer(paths.socket, {
    status: () => ({ input: hash, sessions: [...portal.sessions] }),
    disconnect: (email) => portal.end(email, 'an administrator ended it'),
  });
  refresh();
  return () => {
    stopFollowing();
    for (const timer of timers) clearInterval(timer);
    server.close();
  };
}
