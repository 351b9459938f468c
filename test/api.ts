import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { RateLimit } from '#access/limit.ts';
import type { Role } from '#access/roles.ts';
import { apiApp } from '#api/app.ts';
import type { ApiParts, Env } from '#api/context.ts';
import type { AuditEvent } from '#control/audit.ts';
import { Control } from '#control/control.ts';
import { openGroups } from '#control/groups/open.ts';
import { openLogStore } from '#control/logs/sqlite.ts';
import { Observer } from '#control/observations.ts';
import { Operations } from '#control/operations.ts';
import { openDatabase } from '#control/store/database.ts';
import { sqliteStore } from '#control/store/sqlite.ts';
import type { ThreatChange } from '#control/threats/change.ts';
import { openThreatStore } from '#control/threats/sqlite/open.ts';
import { Tokens } from '#control/tokens.ts';
import { type Artifact, digestOfAll } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { AskRequest, HoldEvent, HoldRequest, HostLink, HostStatus, Renewal, SteerRequest } from '#core/host.ts';
import { Problem } from '#core/problem.ts';
import { newSealingKeys } from '#lib/seal.ts';
import { artifactChanges } from '#plan/difference.ts';

/** A host agent that holds whatever it is told, and does nothing else. */
export class PaperHost implements HostLink {
  held: readonly Artifact[] = [];
  revision = 0;
  pending: NonNullable<HostStatus['pending']> | undefined;
  /** What it shows; default: everything is ready. */
  seen: (() => readonly Observation[]) | undefined;
  /** Holding waits for this, when a test wants to look at what is under way. */
  gate: Promise<void> | undefined;
  /** Refuses the next change. */
  refusal: Problem | undefined;
  readonly resets: string[] = [];
  readonly steered: SteerRequest[] = [];
  #former: readonly Artifact[] = [];

  async status(): Promise<HostStatus> {
    return {
      deployment: 'test',
      revision: this.revision,
      artifacts: this.held.length,
      digest: digestOfAll(this.held),
      busy: false,
      unsettled: [],
      mended: [],
      ...(this.pending === undefined ? {} : { pending: this.pending }),
    };
  }

  async hold(request: HoldRequest, onEvent: (event: HoldEvent) => void): Promise<void> {
    const wanted = request.artifacts as readonly Artifact[];
    const steps = artifactChanges(this.held, wanted).map(({ action, artifact }) => ({ action, artifact }));
    onEvent({ event: 'steps', steps });
    await this.gate;
    if (this.refusal !== undefined) {
      const { refusal } = this;
      this.refusal = undefined;
      throw refusal;
    }
    this.#former = this.held;
    this.held = wanted;
    if (request.confirmSeconds !== undefined)
      this.pending = { revision: request.revision, former: this.revision, deadline: 0 };
    this.revision = request.revision;
    for (const [index] of steps.entries()) onEvent({ event: 'step', index, state: 'done' });
    onEvent({ event: 'done', changed: steps.length });
  }

  async confirm(): Promise<void> {
    this.pending = undefined;
  }

  async revert(): Promise<void> {
    this.revision = this.pending?.former ?? this.revision;
    this.held = this.#former;
    this.pending = undefined;
  }

  async observe(): Promise<readonly Observation[]> {
    if (this.seen !== undefined) return this.seen();
    return this.held.map((it) => ({
      artifact: it.id,
      state: 'ready',
      values: it.engine === 'sandbox' ? Object.fromEntries(it.owners.map((owner) => [owner, { running: 1 }])) : {},
    }));
  }

  async steer(request: SteerRequest): Promise<void> {
    this.steered.push(request);
  }

  async ask({ question }: AskRequest): Promise<unknown> {
    return question === 'connections' ? { total: 0, items: [] } : [];
  }

  async renew(artifacts: readonly string[]): Promise<readonly Renewal[]> {
    return artifacts.map((artifact) => ({ artifact }));
  }

  async reset(artifact: string): Promise<void> {
    this.resets.push(artifact);
  }
}

export interface TestApi {
  readonly app: Pick<Hono<Env>, 'routes'> & { request(path: string, init?: RequestInit): Promise<Response> };
  readonly parts: ApiParts;
  readonly host: PaperHost;
  readonly audited: readonly AuditEvent[];
  readonly tokens: Readonly<Record<Role, string>>;
  /** Lets time pass, in milliseconds. */
  pass(milliseconds: number): void;
  /** Lets groups be looked after once. */
  turn(): Promise<void>;
  /** How many listen for threats. */
  listeners(): number;
  tell(change: ThreatChange): void;
  /** Asks as an administrator; a body is sent as JSON. */
  ask(method: string, path: string, body?: unknown, options?: AskOptions): Promise<Answer>;
  /** Applies a site and waits for its end. */
  apply(site: string): Promise<void>;
  close(): Promise<void>;
}

export interface AskOptions {
  readonly role?: Role;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** The API on a paper host with databases of its own; nothing is opened to the network. */
export async function startApi(options: { readonly rate?: number; readonly burst?: number } = {}): Promise<TestApi> {
  const folder = mkdtempSync(join(tmpdir(), 'vauban-api-'));
  let time = Date.parse('2030-01-01T00:00:00Z');
  const now = (): Date => new Date(time);
  const database = openDatabase(join(folder, 'control.db'));
  const host = new PaperHost();
  const store = sqliteStore(database);
  const operations = new Operations({ now });
  const tokens = new Tokens(database, now);
  const threats = openThreatStore(join(folder, 'threats.db'));
  const logs = openLogStore({ path: join(folder, 'logs.db') });
  const audited: AuditEvent[] = [];
  const listeners = new Set<(change: ThreatChange) => void>();
  const control: Control = new Control({
    store,
    facts: () => ({ unwell: groups.unwell() }),
    host,
    operations,
    sealing: newSealingKeys().sealing,
    now,
    log: () => {},
    onSnapshot: () => {},
  });
  const observer = new Observer({ host, now: () => time, age: -1 });
  const groups = openGroups({
    control,
    host,
    observer,
    operations,
    now,
    log: () => {},
    append: async (entries) => logs.append(entries),
  });
  await control.start();
  const parts: ApiParts = {
    machines: {
      list: () => [],
      invite: async (_, place) => ({ ...place, fingerprint: 'A'.repeat(43), expireTime: '2030-01-01T00:00:00.000Z' }),
      remove: () => {},
    },
    control,
    store,
    host,
    operations,
    observer,
    groups,
    tokens,
    threats,
    logs,
    knownPeople: async () => [],
    vpnNames: { personAt: () => undefined, addressesOf: () => [] },
    accountOf: async () => ({ refused: 'there is no edge here' }),
    limit: new RateLimit({ rate: options.rate ?? 10_000, burst: options.burst ?? 10_000 }),
    serialText: async (_project, instance) => (instance === 'server' ? 'booted\n' : undefined),
    onThreat: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    packetsOf: async () => undefined,
    health: async () => [{ part: 'host', state: 'ok', text: 'paper' }],
    audit: (event) => audited.push(event),
    now,
  };
  const whole = apiApp(parts);
  const app: TestApi['app'] = {
    routes: whole.routes,
    request: async (path, init) => whole.request(path, init, {}),
  };
  const secrets = {
    viewer: tokens.create({ name: 'viewer', role: 'viewer' }),
    operator: tokens.create({ name: 'operator', role: 'operator' }),
    admin: tokens.create({ name: 'admin', role: 'admin' }),
  };
  const ask: TestApi['ask'] = async (method, path, body, { role = 'admin', headers = {} } = {}) => {
    const response = await app.request(path, {
      method,
      headers: { authorization: `Bearer ${secrets[role]}`, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json') && text !== '';
    return { status: response.status, headers: response.headers, body: isJson ? (JSON.parse(text) as unknown) : text };
  };
  const api: TestApi = {
    app,
    parts,
    host,
    audited,
    tokens: secrets,
    pass: (milliseconds) => {
      time += milliseconds;
    },
    turn: () => groups.turn(),
    listeners: () => listeners.size,
    tell: (change) => {
      for (const it of listeners) it(change);
    },
    ask,
    apply: async (site) => {
      const { status, body } = await ask('POST', '/v1/apply', { files: [{ path: 'site.yaml', text: site }] });
      if (status !== 202) throw new Error(JSON.stringify(body));
      await settled(api);
    },
    close: async () => {
      await threats.close();
      await logs.close();
      database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return api;
}

/** Waits until no operation is running. */
export async function settled({ parts }: TestApi): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (parts.operations.list().every((it) => it.state !== 'running')) {
      // The end of an operation is told before control is free again.
      await new Promise((resolve) => setImmediate(resolve));
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Problem('INTERNAL', {
    at: 'test',
    message: 'an operation does not end',
    fix: 'Look at what it waits for.',
  });
}

export const labSite = `project: lab
networks:
  vpc: {}
subnets:
  a: { network: vpc, region: us-east1, range: 10.1.0.0/24 }
firewallRules:
  web: { network: vpc, rules: ["tcp:80", icmp], sourceRanges: [0.0.0.0/0], targetTags: [server] }
instances:
  server: { zone: us-east1-b, tags: [server], interfaces: [{ subnet: a, address: 10.1.0.20 }] }
  attacker: { zone: us-east1-b, interfaces: [{ subnet: a, address: 10.1.0.10 }] }
`;
