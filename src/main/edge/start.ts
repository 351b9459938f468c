import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { openEdgeDatabase } from '#edge/database.ts';
import { startDecision } from '#edge/decision/decision.ts';
import { keyRing } from '#edge/decision/keys.ts';
import { mountSpecial } from '#edge/decision/special.ts';
import { devicesFrom, noDevices } from '#edge/devices/devices.ts';
import { followIssuers } from '#edge/devices/issuers.ts';
import { accountsOf } from '#edge/directory/accounts.ts';
import type { Edge, EdgeLog, EdgePart } from '#edge/edge.ts';
import { followInput, type InputFile } from '#edge/input-file.ts';
import { guardedLookup, type LookupOptions } from '#edge/outbound/resolve.ts';
import { portalPart } from '#edge/portal/part.ts';
import { signedInAt } from '#edge/portal/signed-in.ts';
import { sessionStore } from '#edge/session-store.ts';
import { type Guards, guardsOf } from '#edge/sign-in/guards.ts';
import { signInProviders, signInSecrets, startSignIn } from '#edge/sign-in/sign-in.ts';
import { tunnelPart } from '#edge/tunnel/part.ts';
import { vpnPart } from '#edge/vpn/part.ts';
import { type Web, webOf } from '#edge/web.ts';
import { type EdgeHealth, HEALTH_PATH, type KnownPerson, memoryPlaces } from '#engines/edge/paths.ts';

export interface RunningEdge {
  readonly edge: Edge;
  readonly guards: Guards;
  stop(): Promise<void>;
}

/** Seconds a session lasts unless the sign-in settings say otherwise. */
const LIFETIME = 86_400;

export interface EdgeFolders {
  readonly run: string;
  readonly state: string;
  /** HAProxy's maps. */
  readonly maps: string;
  /** Socket of operators' tunnels; default in `run`. */
  readonly operator?: string;
  /** Socket of VPN services; default in `run`. */
  readonly vpn?: string;
  /** What certificate authorities publish; absent: no certificate of a device counts. */
  readonly authorities?: string;
  /** Milliseconds since 1970; for tests in which time passes. */
  readonly now?: () => number;
  /** For tests in which identity providers and directories stand on this very machine. */
  readonly lookup?: Partial<LookupOptions>;
}

/** Puts the edge service of one project together, from its folders (see `engines/edge/paths.ts`). */
export async function startEdge(folders: EdgeFolders): Promise<RunningEdge> {
  const { run, state } = folders;
  // Sockets and files are for us and for the load balancer's group, to which the folder belongs.
  process.umask(0o007);
  const log: EdgeLog = (event, fields = {}) =>
    console.log(JSON.stringify({ time: new Date().toISOString(), event, ...fields }));
  const input = followInput(`${run}/edge.json`);
  const database = openEdgeDatabase(`${state}/edge.db`);
  const now = folders.now ?? Date.now;
  const web = webOf((route, error) => log('defect', { at: `web ${route}`, message: String(error) }));
  const accounts = accountsOf({
    input: input.current,
    onInput: input.onChange,
    database,
    // `run` is RUN/edge/PROJECT; directories have their sockets below RUN as well.
    machineRun: dirname(dirname(run)),
    now,
    log,
    ...(folders.lookup === undefined ? {} : { lookup: guardedLookup({ allowPrivate: true, ...folders.lookup }) }),
  });
  const secrets = signInSecrets(`${state}/sign-in.json`);
  const clients = signInProviders({
    input: input.current,
    now,
    web: `${run}/web.sock`,
    secrets,
    lookup: folders.lookup,
  });
  const edge: Edge = {
    input: input.current,
    onInput: input.onChange,
    paths: {
      run,
      state,
      spoe: `${run}/spoe.sock`,
      web: `${run}/web.sock`,
      operator: folders.operator ?? `${run}/operator.sock`,
      vpn: folders.vpn ?? `${run}/vpn.sock`,
      portal: `${run}/portal.sock`,
      runtime: `${run}/runtime.sock`,
      keys: `${state}/keys.json`,
    },
    database,
    sessions: sessionStore({ database, now, lifetime: () => input.current().signIn?.sessionSeconds ?? LIFETIME }),
    people: accounts,
    issuers: clients,
    web,
    log,
    now,
  };
  // Each part mounts what it answers; what stands first is asked first.
  const keys = keyRing(edge.paths.keys, now);
  const issuers =
    folders.authorities === undefined
      ? undefined
      : followIssuers({ input: input.current, onInput: input.onChange, folder: folders.authorities });
  const devices = issuers === undefined ? noDevices : devicesFrom(issuers);
  const decision = await startDecision(edge, keys, memoryPlaces(folders.maps), devices);
  mountSpecial(edge, keys, decision.refusals);
  const guards = guardsOf(edge, accounts);
  const signIn = startSignIn(edge, { accounts, clients, secrets, guards });
  const everybody = (): readonly KnownPerson[] =>
    accounts.everybody().map(({ email, displayName, domain, groups, provider, disabled, subject }) => ({
      ...{ email, displayName, domain, groups, directory: provider, disabled },
      secondFactor: guards.factors.totpSince(subject) !== undefined,
    }));
  const tunnels = await tunnelPart(edge, everybody);
  const signedIn = signedInAt(database, now);
  const vpn = await vpnPart(edge, { accounts, guards, signedIn });
  const { admission, portals: questions, changed } = vpn;
  const portal = await portalPart(edge, { accounts, guards, admission, questions, changed, store: signedIn });
  const parts: readonly EdgePart[] = [accounts, decision, signIn, tunnels, vpn, portal];
  mountHealth(web, input, parts);
  await listen(web, edge.paths.web);
  log('started', { project: input.current().project.id });
  return {
    edge,
    guards,
    stop: async () => {
      input.stop();
      issuers?.stop();
      web.server.close();
      web.server.closeAllConnections();
      for (const part of parts.toReversed()) await part.stop();
      database.close();
    },
  };
}

/** Only for who connects to the socket itself: the load balancer never sends anybody there. */
function mountHealth(web: Web, input: InputFile, parts: readonly EdgePart[]): void {
  web.mount({
    name: 'health',
    matches: ({ direct, path }) => direct && path === HEALTH_PATH,
    answer: (_, response) => {
      const refused = input.refused();
      const health: EdgeHealth = {
        input: input.hash(),
        ...(refused === undefined ? {} : { refused }),
        counters: Object.assign({}, ...parts.map((it) => it.counters?.() ?? {})) as Record<string, number>,
      };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(health));
    },
  });
}

async function listen(web: Web, path: string): Promise<void> {
  // What a former process left; nobody listens on it any more, its supervisor starts one at a time.
  rmSync(path, { force: true });
  web.server.listen(path);
  await once(web.server, 'listening');
}
