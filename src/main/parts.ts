import { mkdirSync, readFileSync } from 'node:fs';
import { RateLimit } from '#access/limit.ts';
import { askEdge } from '#api/account.ts';
import type { ApiParts } from '#api/context.ts';
import { AuditLog, machineAudit } from '#control/audit.ts';
import { Control } from '#control/control.ts';
import { Detection } from '#control/detection.ts';
import { openGroups } from '#control/groups/open.ts';
import { healthOf } from '#control/health.ts';
import { localHost } from '#control/link/host.ts';
import { Logging } from '#control/logging.ts';
import { Door } from '#control/machines/door.ts';
import { Fleet } from '#control/machines/fleet.ts';
import { Members } from '#control/machines/members.ts';
import { machinesOf } from '#control/machines/seen.ts';
import { Observer } from '#control/observations.ts';
import { Operations } from '#control/operations.ts';
import { knownPeople } from '#control/rights/people.ts';
import { openDatabase } from '#control/store/database.ts';
import { sqliteStore } from '#control/store/sqlite.ts';
import { openThreatStore } from '#control/threats/sqlite/open.ts';
import type { Threat } from '#control/threats/threat.ts';
import { Tokens } from '#control/tokens.ts';
import { Totals } from '#control/totals.ts';
import { vpnNames } from '#control/vpn/names.ts';
import { type Deployment, sealingKeysOf } from '#core/deployment.ts';
import { asProblem } from '#core/problem.ts';
import { requireLock } from '#host/lock.ts';
import { ownCertificate } from '#host/own-certificate.ts';
import type { SealingKeys } from '#lib/seal.ts';

export interface Running {
  readonly parts: ApiParts;
  readonly log: (text: string, fields?: Readonly<Record<string, unknown>>) => void;
  stop(): Promise<void>;
}

/** Days that threats, sessions and logs are kept. */
const RETENTION_DAYS = 30;
/** Bytes that logs may take on disk. */
const LOG_BYTES = 2 * 1024 ** 3;

/** Milliseconds between two looks at counters. */
const COUNTING = 15_000;

/** Puts control together. Everything it needs of the machine comes through the host agent's socket and a few files. */
export async function startControl(deployment: Deployment): Promise<Running> {
  const now = (): Date => new Date();
  const log: Running['log'] = (text, fields = {}) =>
    console.log(JSON.stringify({ time: now().toISOString(), process: 'control', text, ...fields }));
  mkdirSync(deployment.controlState, { recursive: true, mode: 0o700 });
  const lock = requireLock(`${deployment.controlState}/lock`, 'control');
  const database = openDatabase(`${deployment.controlState}/control.db`);
  const tokens = new Tokens(database, now);
  tokens.adopt({
    name: 'admin',
    role: 'admin',
    token: readFileSync(`${deployment.controlState}/admin.token`, 'utf8').trim(),
  });
  const host = localHost(deployment.hostSocket);
  const members = new Members(database, now);
  const door: Door = new Door({
    ...{ members, log, now: () => Date.now() },
    ...(await ownCertificate(
      { key: `${deployment.controlState}/machines.key`, certificate: `${deployment.controlState}/machines.crt` },
      `Vauban ${deployment.id}`,
    )),
    isNeeded: (machine) => control.placed.has(machine),
    tell: (event) => audit.write(machineAudit(event)),
  });
  const fleet: Fleet = new Fleet({
    ...{ local: host, log, now: () => Date.now() },
    remotes: () => door.remotes(),
    placed: () => control.placed,
  });
  const store = sqliteStore(database);
  const operations = new Operations({ now });
  const totals = new Totals(database);
  const observer = new Observer({ host: fleet, now: () => Date.now(), totals });
  const threats = openThreatStore(`${deployment.controlState}/threats.db`);
  const detection = new Detection({ deployment, host, store: threats, retentionDays: RETENTION_DAYS });
  const logging = new Logging({
    deployment,
    threats,
    pipeline: detection.pipeline,
    retention: { days: RETENTION_DAYS, bytes: LOG_BYTES },
    now,
    log,
  });
  const control: Control = new Control({
    store,
    facts: () => ({ unwell: groups.unwell() }),
    host,
    fleet,
    operations,
    sealing: JSON.parse(readFileSync(sealingKeysOf(deployment), 'utf8')) as SealingKeys,
    now,
    log,
    onCandidate: (snapshot) => logging.expect(snapshot),
    onSnapshot: (snapshot) => {
      for (const [name, part] of Object.entries({ detection, logging })) {
        part.follow(snapshot).catch((error: unknown) => log(`${name} cannot follow`, { problem: asProblem(error) }));
      }
    },
  });
  const groups = openGroups({
    control,
    host: fleet,
    observer,
    operations,
    now,
    log,
    append: (entries) => logging.store.append(entries),
  });
  const audit = new AuditLog({
    append: (entries) => logging.store.append(entries),
    projects: () => control.snapshot.projects,
    now,
    log,
  });
  let shut: string | undefined;
  // Again and again: after a reboot its address may come later than we do.
  const openDoor = async (): Promise<void> => {
    const trouble = members.door && (await door.open(members.door).then(() => undefined, asProblem));
    if (trouble !== undefined && trouble.message !== shut)
      log('other machines cannot come in', { problem: trouble.toJSON() });
    shut = trouble?.message;
  };
  const agree = async (): Promise<void> => {
    await openDoor();
    await control
      .agree()
      .catch((error: unknown) => log('the host agent does not agree yet', { problem: asProblem(error).toJSON() }));
    await groups.turn();
  };
  await control
    .start()
    .catch((error: unknown) => log('the host agent is not there yet', { problem: asProblem(error).toJSON() }));
  await openDoor();
  const watching = setInterval(() => void agree(), 1000);
  // Also when nobody asks: what is counted between two looks is lost when a table is replaced in between.
  const counting = setInterval(() => {
    void observer
      .latest()
      .then(() => totals.save())
      .catch((error: unknown) => log('totals were not written', { problem: asProblem(error).toJSON() }));
  }, COUNTING);

  const parts: ApiParts = {
    control,
    store,
    host: fleet,
    operations,
    observer,
    groups,
    tokens,
    threats,
    logs: logging.store,
    vpnNames: vpnNames(deployment),
    knownPeople: knownPeople(deployment.run),
    serialText: (project, instance, lines) => logging.serialText(project, instance, lines),
    accountOf: askEdge(deployment.run),
    limit: new RateLimit({ rate: 100, burst: 400 }),
    onThreat: (listener) => detection.pipeline.listen(listener),
    packetsOf: (threat: Threat) => detection.packetsOf(threat),
    machines: machinesOf({ door, fleet, members, control }),
    health: () =>
      healthOf({
        machines: () => door.seen(),
        courseOf: (name) => fleet.courseOf(name),
        control,
        observer,
        feeds: () => detection.pipeline.health(),
        logs: () => logging.health(),
      }),
    audit: (event) => audit.write(event),
    now,
  };
  return {
    parts,
    log,
    stop: async () => {
      clearInterval(watching);
      groups.stop();
      door.close();
      clearInterval(counting);
      await detection.pipeline.stop();
      await logging.stop();
      await threats.close();
      totals.save();
      database.close();
      lock.release();
    },
  };
}
