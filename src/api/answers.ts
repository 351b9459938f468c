import { roles } from '#access/roles.ts';
import { healthStates } from '#control/groups/sight.ts';
import { instanceActions } from '#control/groups/status.ts';
import { resourceStates } from '#control/observations.ts';
import { problems } from '#core/problem.ts';
import { ORIGINS } from '#engines/pki/ledger.ts';
import { certificateStates } from '#engines/pki/status.ts';
import { rollActions } from '#kinds/instance-group/spec.ts';
import { gatewayAnswers } from './gateway-answers.ts';
import { any, choice, type Json, list, map, object, reference, text, time, whole } from './json-schema.ts';

export const pageOf = (name: string): Json => object({ items: list(reference(name)) }, { nextPageToken: text });

/** A resource of a kind: what was declared, what was chosen for it, and how it is doing. */
export const resourceSchema = (spec: Json): Json =>
  object(
    {
      project: text,
      kind: text,
      name: text,
      spec,
      assigned: { type: 'object', description: 'What was chosen for it: addresses, numbers.' },
      etag: { type: 'string', description: 'For If-Match.' },
      createTime: text,
      updateTime: text,
      status: reference('Status'),
    },
    {
      builtIn: { type: 'boolean', description: 'True: nobody declared it, every project has it.' },
      cells: { ...map(text), description: 'With `view=table`: title of a column to what it shows, in their order.' },
      usedBy: { ...list(object({ kind: text, name: text, path: text })), description: 'Who refers to it, and where.' },
    },
  );

/** What answers are made of. */
export const answers: Readonly<Record<string, Json>> = {
  Empty: object({}),
  Backup: object({
    revision: whole,
    resources: list(object({ project: text, kind: text, name: text, spec: any })),
    choices: list(object({ project: text, kind: text, name: text, assigned: any })),
  }),
  LentKey: object({ instanceId: text, user: text, expireTime: time }),
  Problem: object(
    {
      code: choice(...Object.keys(problems)),
      at: { type: 'string', description: 'Where.' },
      message: { type: 'string', description: 'What is wrong.' },
      fix: { type: 'string', description: 'What to do about it.' },
    },
    { details: { ...list(reference('Problem')), description: 'The single mistakes.' }, requestId: text },
  ),
  ProblemAnswer: object({ error: reference('Problem') }),
  Status: object(
    { state: choice(...resourceStates), values: map({ type: 'number' }) },
    { detail: { type: 'string', description: 'Why it is not ready, in words.' } },
  ),
  Operation: object(
    { id: text, author: text, startTime: time, state: choice('running', 'done', 'failed') },
    { endTime: time, revision: whole, problem: reference('Problem') },
  ),
  OperationAnswer: object({ operation: reference('Operation') }),
  Operations: object({ operations: list(reference('Operation')) }),
  FieldChange: object({ field: text }, { before: any, after: any }),
  ResourceChange: object({
    action: choice('create', 'update', 'delete'),
    project: text,
    kind: text,
    name: text,
    fields: list(reference('FieldChange')),
    meaning: { ...list(text), description: 'What it does to traffic and hosts, a sentence each.' },
  }),
  ArtifactChange: object({
    action: choice('hold', 'change', 'release'),
    artifact: text,
    engine: text,
    owners: list(text),
  }),
  Difference: object({ resources: list(reference('ResourceChange')), artifacts: list(reference('ArtifactChange')) }),
  Revision: object(
    {
      number: whole,
      state: choice('applying', 'applied', 'pending', 'failed', 'reverted'),
      author: text,
      message: text,
      time,
      changes: list(reference('ResourceChange')),
    },
    { problem: reference('Problem'), confirmBefore: time },
  ),
  Revisions: object({ revisions: list(reference('Revision')), head: whole }),
  RevisionNumber: object({ revision: whole }),
  HealthItem: object(
    { part: text, state: choice('ok', 'warning', 'failed'), text },
    { values: map({ type: 'number' }) },
  ),
  Health: object({ state: choice('ok', 'warning', 'failed'), items: list(reference('HealthItem')), revision: whole }),
  Projects: object({ projects: list(text) }),
  Artifacts: object(
    {
      items: list(
        object(
          { id: text, engine: text, owners: list(text) },
          {
            artifact: text,
            state: choice('ready', 'pending', 'failed', 'unheard'),
            detail: text,
            machine: text,
            values: map(map({ type: 'number' })),
          },
        ),
      ),
    },
    { problem: text },
  ),
  Machine: object(
    { name: text, joinTime: time, connected: { type: 'boolean' } },
    { since: time, address: text, version: text, revision: whole, trouble: text },
  ),
  Machines: object({ items: list(reference('Machine')) }),
  MachineToken: object({ address: text, port: whole, fingerprint: text, expireTime: time }),
  Token: object({ name: text, role: choice(...roles), createTime: time }, { expireTime: time }),
  Tokens: object({ items: list(reference('Token')) }),
  NewToken: object({ name: text, role: choice(...roles), token: { type: 'string', description: 'Shown only now.' } }),
  Threats: pageOf('Threat'),
  ThreatCounts: object({ bySeverity: map(whole), names: list({ type: 'object' }) }),
  LogNames: object({ logNames: list(text) }),
  LogEntry: object(
    {
      insertId: text,
      logName: text,
      resource: object({ type: text, labels: map(text) }),
      timestamp: time,
      receiveTimestamp: time,
    },
    {
      severity: text,
      labels: map(text),
      jsonPayload: { type: 'object' },
      protoPayload: { type: 'object' },
      textPayload: text,
      httpRequest: { type: 'object' },
      trace: text,
    },
  ),
  LogEntries: object({ entries: list(reference('LogEntry')) }, { nextPageToken: text }),
  Leases: object({
    items: list(
      object(
        { address: text, mac: text },
        {
          name: { type: 'string', description: 'What the host calls itself, or what the site calls it.' },
          expireTime: { type: 'string', format: 'date-time', description: 'Absent: never.' },
        },
      ),
    ),
  }),
  ManagedInstances: object(
    {
      stable: { type: 'boolean', description: 'Every host is as the group says, and in service.' },
      items: list(
        object(
          {
            name: text,
            zone: text,
            status: choice(...resourceStates),
            action: choice(...instanceActions),
            template: text,
            version: text,
            current: { type: 'boolean', description: 'Whether it is as the group says.' },
          },
          {
            healthState: choice(...healthStates),
            lastError: { type: 'string', description: 'Why it is not in service, in words.' },
          },
        ),
      ),
    },
    {
      reason: { type: 'string', description: 'Why it is not stable, in words.' },
      roll: object({ name: text, action: choice(...rollActions), left: whole }),
    },
  ),
  ...gatewayAnswers,
  IssuedCertificates: object({
    items: list(
      object(
        {
          authority: text,
          id: text,
          origin: choice(...ORIGINS, 'imported'),
          serial: { type: 'string', description: 'Hexadecimal.' },
          subject: { type: 'string', description: 'Common name.' },
          names: list(text),
          startTime: time,
          expireTime: time,
          state: choice(...certificateStates),
        },
        { revoked: object({ time, reason: text }) },
      ),
    ),
  }),
  AuthorityFiles: object({ certificate: text }, { crl: { type: 'string', description: 'PEM; absent: it has none.' } }),
  CertificateFiles: object(
    {},
    {
      certificate: { type: 'string', description: 'PEM.' },
      authority: { type: 'string', description: 'Certificate of the authority, PEM.' },
      privateKey: { type: 'string', description: 'PEM; of a bundle.' },
      archive: { type: 'string', description: 'PKCS #12 in base64.' },
    },
  ),
  SerialText: object({ text }),
  Document: { type: 'object', description: 'A JSON Schema or an OpenAPI document.' },
};
