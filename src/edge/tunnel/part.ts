import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Known } from '#access/policy/facts.ts';
import { compilePolicy, type Policy } from '#access/policy/policy.ts';
import type { Reason } from '#access/policy/reason.ts';
import type { EdgeInput } from '#engines/edge/input.ts';
import { ACCOUNT_PATH, type AccountAnswer, type KnownPerson, PEOPLE_PATH } from '#engines/edge/paths.ts';
import { EdgeService } from '#engines/edge/sections/services.ts';
import { judgeBearer } from '../decision/bearer.ts';
import type { Edge, EdgePart } from '../edge.ts';
import { clientOf, matchOf } from '../web.ts';
import { admission, type Caller } from './admission.ts';
import { CONNECT_PATH, type HandshakeParts, handshake, RECONNECT_PATH, type Refusal } from './handshake.ts';
import { type Guest, Relay, type Way } from './relay.ts';

/** Headers that control sets on the operators' socket; nobody else can open it. */
export const operatorHeaders = { principal: 'x-vauban-principal', address: 'x-vauban-client-address' } as const;

const EVERYWHERE = '0.0.0.0';

/**
 * The TCP tunnel of an edge: for people and service accounts over the load balancer, by role binding; and for operators
 * over a socket that only control can open, on its word.
 */
export async function tunnelPart(edge: Edge, everybody: () => readonly KnownPerson[]): Promise<EdgePart> {
  const { input, log, now, people } = edge;
  const relay = new Relay({ source: () => input().tunnel?.source ?? EVERYWHERE, now, log });
  let policy = policyOf(input());
  edge.onInput((next) => {
    policy = policyOf(next);
    void relay.review();
  });
  const forget = people.onChange(() => void relay.review());
  const admit = admission({
    policy: () => policy,
    identify: (token) => identify(edge, token),
    refresh: (caller) => refresh(edge, caller),
    project: () => input().project.id,
    now,
  });
  const common = {
    relay,
    log,
    hosts: () => input().tunnel?.hosts ?? [],
    isProject: (name: string) => name === input().project.id || name === input().project.number,
  };
  const open = handshake({
    ...common,
    addressOf: (request) => clientOf(request).address,
    admit: (request, way) =>
      admit.tunnel(
        {
          authorization: request.headers.authorization,
          host: matchOf(request).host,
          address: clientOf(request).address,
        },
        way,
      ),
  });
  edge.web.mount({
    name: 'tunnel',
    matches: ({ path }) => path === CONNECT_PATH || path === RECONNECT_PATH,
    upgrade: open,
    answer: (_, response) => {
      response.writeHead(426, { 'content-type': 'text/plain', upgrade: 'websocket' }).end('This is a WebSocket.\n');
    },
  });
  const operators = await operatorServer(edge.paths.operator, { ...common, admit, everybody });
  return {
    counters: () => ({ tunnels: relay.count }),
    stop: async () => {
      forget();
      relay.stop();
      operators.close();
      operators.closeAllConnections();
    },
  };
}

const policyOf = ({ bindings, accessLevels }: EdgeInput): Policy => compilePolicy(bindings, accessLevels);

/** Tokens of service accounts are made for this host, as for any application behind the proxy. */
const TUNNEL_HOST = 'tunnel.cloudproxy.app';
/** ID tokens count when they were made for a client that programs may use. */
const service = EdgeService.parse({ name: 'tunnel', id: '0', hosts: [TUNNEL_HOST] });

async function identify(edge: Edge, token: string): Promise<Caller | { readonly refused: readonly Reason[] }> {
  const parts = {
    input: edge.input(),
    service,
    host: TUNNEL_HOST,
    issuers: edge.issuers,
    people: edge.people,
    now: edge.now(),
  };
  const judged = await judgeBearer(`Bearer ${token}`, parts);
  if ('refused' in judged) return { refused: [{ code: judged.refused, detail: judged.detail }] };
  const { subject, claims } = judged;
  const hasAccount = subject.kind === 'serviceAccount' || (await edge.people.find(subject.email)) !== undefined;
  const { amr } = claims;
  return { subject, hasAccount, claims, methods: Array.isArray(amr) ? amr.map(String) : [] };
}

async function refresh({ input, people }: Edge, { subject, hasAccount }: Caller): Promise<Known | undefined> {
  if (subject.kind === 'serviceAccount') {
    const account = input().serviceAccounts.find((it) => it.email === subject.email);
    return account === undefined || account.disabled ? undefined : subject;
  }
  if (hasAccount && (await people.find(subject.email)) === undefined) return undefined;
  return { ...subject, groups: await people.groupsOf(subject.email) };
}

type Admit = ReturnType<typeof admission>;

/** Whoever control vouches for is let in; a person whose token it passed on is judged as everybody else. */
async function operatorServer(
  path: string,
  parts: Omit<HandshakeParts, 'admit' | 'addressOf'> & {
    readonly admit: Admit;
    readonly everybody: () => readonly KnownPerson[];
  },
): Promise<Server> {
  const header = (request: IncomingMessage, name: string): string | undefined => {
    const value = request.headers[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const addressOf = (request: IncomingMessage): string => header(request, operatorHeaders.address) ?? '0.0.0.0';
  const { admit } = parts;
  const server = createServer();
  server.on(
    'upgrade',
    handshake({
      ...parts,
      addressOf,
      admit: async (request: IncomingMessage, way: Way | undefined): Promise<Guest | Refusal> => {
        const principal = header(request, operatorHeaders.principal);
        const address = addressOf(request);
        if (principal !== undefined) return { principal, address, still: async () => ({ allowed: true }) };
        return admit.tunnel({ authorization: request.headers.authorization, host: 'api', address }, way);
      },
    }),
  );
  server.on('request', (request, response) => {
    const answer = (status: number, body: AccountAnswer | { people: readonly KnownPerson[] }): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const url = new URL(request.url ?? '/', 'http://edge');
    const instance = url.searchParams.get('instance') ?? '';
    if (url.pathname === PEOPLE_PATH) return answer(200, { people: parts.everybody() });
    if (url.pathname !== ACCOUNT_PATH) return answer(404, { refused: 'there is nothing here' });
    const host = parts.hosts().find((it) => it.name === instance);
    const asking = { authorization: request.headers.authorization, host: 'api', address: addressOf(request) };
    admit.account(asking, { instance, port: 22, address: host?.interfaces[0]?.address }).then(
      (it) => ('status' in it ? answer(it.status, { refused: it.reason }) : answer(200, it)),
      (error: unknown) => {
        parts.log('defect', { at: 'account', message: String(error) });
        answer(503, { refused: 'the edge cannot decide at the moment' });
      },
    );
  });
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return server;
}
