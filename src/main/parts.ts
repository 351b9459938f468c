import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { RateLimit } from '#access/limit.ts';
import type { ApiParts, AuditEvent, HealthItem } from '#api/context.ts';
import { Control } from '#control/control.ts';
import { Detection } from '#control/detection.ts';
import { localHost } from '#control/link/host.ts';
import { auditEntry } from '#control/logs/entries/audit.ts';
import { openLogStore } from '#control/logs/sqlite.ts';
import { Observer } from '#control/observations.ts';
import { Operations } from '#control/operations.ts';
import { openDatabase } from '#control/store/database.ts';
import { sqliteStore } from '#control/store/sqlite.ts';
import { openThreatStore } from '#control/threats/sqlite/open.ts';
import type { Threat } from '#control/threats/threat.ts';
import { Tokens } from '#control/tokens.ts';
import type { Deployment } from '#core/deployment.ts';
import { asProblem } from '#core/problem.ts';
import { count } from '#lib/text.ts';

export interface Running {
  readonly parts: ApiParts;
  readonly log: (text: string, fields?: Readonly<Record<string, unknown>>) => void;
  stop(): Promise<void>;
}

/** Days that threats, sessions and logs are kept. */
const RETENTION_DAYS = 30;

/** Puts control together. Everything it needs of the machine comes through the host agent's socket and a few files. */
export async function startControl(deployment: Deployment): Promise<Running> {
  const now = (): Date => new Date();
  const log: Running['log'] = (text, fields = {}) =>
    console.log(JSON.stringify({ time: now().toISOString(), process: 'control', text, ...fields }));
  mkdirSync(deployment.controlState, { recursive: true, mode: 0o700 });
  const database = openDatabase(`${deployment.controlState}/control.db`);
  const tokens = new Tokens(database, now);
  tokens.adopt({
    name: 'admin',
    role: 'admin',
    token: readFileSync(`${deployment.controlState}/admin.token`, 'utf8').trim(),
  });
  const host = localHost(deployment.hostSocket);
  const store = sqliteStore(database);
  const operations = new Operations({ now });
  const observer = new Observer({ host, now: () => Date.now() });
  const threats = openThreatStore(`${deployment.controlState}/threats.db`);
  const detection = new Detection({ deployment, store: threats, retentionDays: RETENTION_DAYS });
  const logs = openLogStore({ path: `${deployment.controlState}/logs.db` });
  const control = new Control({
    store,
    host,
    operations,
    now,
    log,
    onSnapshot: (snapshot) => {
      void detection
        .follow(snapshot)
        .catch((error: unknown) => log('detection cannot follow', { problem: asProblem(error) }));
    },
  });
  const agree = async (): Promise<void> => {
    await control
      .agree()
      .catch((error: unknown) => log('the host agent does not agree yet', { problem: asProblem(error).toJSON() }));
  };
  await control
    .start()
    .catch((error: unknown) => log('the host agent is not there yet', { problem: asProblem(error).toJSON() }));
  const watching = setInterval(() => void agree(), 1000);

  const parts: ApiParts = {
    control,
    store,
    host,
    operations,
    observer,
    tokens,
    threats,
    logs,
    limit: new RateLimit({ rate: 100, burst: 400 }),
    onThreat: (listener) =>
      detection.pipeline.listen((change) => {
        if (change.kind === 'opened') listener(change.threat);
      }),
    packetsOf: (threat: Threat) => detection.packetsOf(threat),
    health: () => healthOf({ control, observer, detection }),
    audit: (event) => {
      void logs
        .append(auditEntries(event, control.snapshot.projects, now()))
        .catch((error: unknown) => log('an audit entry was lost', { event, problem: asProblem(error) }));
    },
    now,
  };
  return {
    parts,
    log,
    stop: async () => {
      clearInterval(watching);
      await detection.pipeline.stop();
      await threats.close();
      await logs.close();
      database.close();
    },
  };
}

async function healthOf(parts: {
  readonly control: Control;
  readonly observer: Observer;
  readonly detection: Detection;
}): Promise<readonly HealthItem[]> {
  const seen = await parts.observer.latest();
  const failed = seen.list.filter((it) => it.state === 'failed');
  const machine: HealthItem =
    seen.problem !== undefined
      ? { part: 'host', state: 'failed', text: seen.problem }
      : failed.length > 0
        ? {
            part: 'host',
            state: 'failed',
            text: failed.map((it) => `${it.artifact}: ${it.detail ?? 'failed'}`).join('; '),
          }
        : {
            part: 'host',
            state: 'ok',
            text: `${count(parts.control.artifacts.length, 'artifact')} held, revision ${parts.control.head}`,
          };
  const feeds = parts.detection.pipeline.health().map((it): HealthItem => {
    const lost = it.gaps > 0 ? `, ${count(it.gaps, 'gap')}` : '';
    return {
      part: `detection ${it.project}/${it.endpoint}`,
      state: it.state === 'failing' ? 'failed' : it.malformed > 0 || it.gaps > 0 ? 'warning' : 'ok',
      text:
        it.trouble ??
        `${count(it.lines, 'event')} read, ${it.malformed} malformed, ${it.lagBytes} bytes waiting${lost}`,
      values: { lines: it.lines, malformed: it.malformed, lagBytes: it.lagBytes, linesPerSecond: it.linesPerSecond },
    };
  });
  return [machine, ...feeds];
}

/** One entry in the project that it concerns, or in every project when it concerns all. */
function auditEntries(event: AuditEvent, projects: readonly string[], at: Date) {
  const concerned = event.project === undefined ? projects : [event.project];
  return concerned.map((project) =>
    auditEntry({
      project,
      id: `${event.requestId || randomUUID()}-${project}`.slice(0, 128),
      at: at.toISOString(),
      principal: event.identity?.name ?? 'anonymous',
      service: 'vauban',
      method: event.method,
      resource: event.resource,
      callerIp: event.address,
      ...(event.status < 400 ? {} : { failure: { code: event.status, message: event.message } }),
    }),
  );
}
