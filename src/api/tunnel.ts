import { connect } from 'node:net';
import { mayAct } from '#access/roles.ts';
import { Problem } from '#core/problem.ts';
import { edgeId } from '#engines/edge/assemble.ts';
import { operatorSocket } from '#engines/edge/paths.ts';
import { instance } from '#kinds/instance/kind.ts';
import { audit, type Opening, refuse, targetOf, tokenOf } from './opening.ts';
import { splice } from './splice.ts';

/**
 * `/v1/projects/P/instances/N/tunnel?port=22`, or `?sid=…&ack=…` to come back: a WebSocket to the project's edge, which
 * relays to the instance. An API token with the role operator is enough; any other token is for the edge to judge, as one
 * that came over the load balancer. Bytes only pass here, so a tunnel survives a restart of this process.
 */
export function openTunnel(opening: Opening): void {
  const { parts } = opening;
  const { project, name } = targetOf(opening);
  const query = new URL(opening.request.url ?? '/', 'https://api').searchParams;
  const who = callerOf(opening);
  const found = parts.control.snapshot.find(instance, project, name);
  if ('x-vauban-principal' in who && found === undefined)
    throw new Problem('NOT_FOUND', {
      at: `instances/${name}`,
      message: `there is no instance of that name in project ${project}`,
      fix: '`vauban get instances` lists them.',
    });
  if (!parts.control.artifacts.some((it) => it.id === edgeId(project)))
    throw new Problem('UNMET', {
      at: `projects/${project}`,
      message: 'the project has no edge through which a tunnel could lead',
      fix: 'Declare a role binding with roles/iap.tunnelResourceAccessor: whom it names may use tunnels, and you as well.',
    });
  const path = query.has('sid')
    ? `/v4/reconnect?${only(query, ['sid', 'ack'])}`
    : `/v4/connect?${only(query, ['port', 'interface'], { project, instance: name, zone: found?.spec.zone ?? 'unknown' })}`;
  pass(opening, operatorSocket(opening.run, project), requestText(opening, path, who));
  if (!query.has('sid') && 'x-vauban-principal' in who)
    audit(opening, { status: 101, message: '', request: { port: Number(query.get('port')) } });
}

/** Headers by which the edge knows who it is. */
function callerOf(opening: Opening): Readonly<Record<string, string>> {
  const token = tokenOf(opening);
  const identity = opening.parts.tokens.identify(token);
  if (typeof identity !== 'string') {
    if (mayAct(identity, 'operator').allowed) return { 'x-vauban-principal': `token:${identity.name}` };
    throw new Problem('PERMISSION_DENIED', {
      at: targetOf(opening).name,
      message: `token ${identity.name} has the role ${identity.role}; this needs operator`,
      fix: 'Use a token with the role operator, or an ID token of somebody with the role "IAP-secured Tunnel User".',
    });
  }
  // An ID token, by its three parts: the edge knows whose keys to ask.
  if (identity === 'unknown-token' && token?.split('.').length === 3) return { authorization: `Bearer ${token}` };
  throw new Problem('UNAUTHENTICATED', {
    at: 'authorization',
    message: identity.replaceAll('-', ' '),
    fix: 'Send `Authorization: Bearer TOKEN`.',
  });
}

const only = (
  query: URLSearchParams,
  names: readonly string[],
  more: Readonly<Record<string, string>> = {},
): string => {
  const kept = Object.fromEntries(names.flatMap((name) => (query.has(name) ? [[name, query.get(name) ?? '']] : [])));
  return String(new URLSearchParams({ ...kept, ...more }));
};

function requestText({ request }: Opening, path: string, who: Readonly<Record<string, string>>): string {
  const websocket = Object.entries(request.headers).filter(([name]) =>
    /^sec-websocket-(key|version|protocol)$/.test(name),
  );
  const headers = {
    host: 'edge',
    connection: 'Upgrade',
    upgrade: 'websocket',
    ...Object.fromEntries(websocket),
    ...who,
    'x-vauban-client-address': request.socket.remoteAddress ?? '',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** From here on the client and the edge talk to each other. */
function pass(opening: Opening, path: string, text: string): void {
  const { socket, head } = opening;
  const edge = connect({ path, allowHalfOpen: true });
  const gone = (): void => void edge.destroy();
  const unreachable = (): void => {
    socket.off('close', gone);
    refuse(
      opening,
      new Problem('HOST_UNREACHABLE', {
        at: `unix:${path}`,
        message: 'the edge service does not answer',
        fix: 'It is started again by itself; `vauban checks` shows how it is.',
      }),
    );
  };
  socket.once('close', gone);
  edge.once('error', unreachable);
  edge.once('connect', () => {
    edge.off('error', unreachable);
    edge.write(text);
    if (head.length > 0) edge.write(head);
    splice(socket, edge);
  });
}
