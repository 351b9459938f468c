import { expect, test } from 'vitest';
import type { LogEntry } from '#core/log.ts';
import { type AuditEvent, AuditLog, auditEntries, machineAudit } from './audit.ts';
import type { MachineEvent } from './machines/door.ts';

const event: AuditEvent = {
  identity: { name: 'admin', role: 'admin' },
  method: 'vauban.v1.instances.replace',
  resource: 'projects/lab/instances/server',
  projects: ['lab'],
  status: 202,
  message: '',
  requestId: 'r1',
  address: '127.0.0.1',
  revision: 7,
};
const at = new Date('2026-01-31T10:00:00Z');

test('an audit entry says who did what to which resource, and which revision came of it', () => {
  expect(auditEntries(event, ['lab', 'other'], at)).toEqual([
    {
      insertId: 'r1-lab',
      logName: 'projects/lab/logs/cloudaudit.googleapis.com%2Factivity',
      resource: {
        type: 'audited_resource',
        labels: { project_id: 'lab', service: 'vauban', method: 'vauban.v1.instances.replace' },
      },
      timestamp: '2026-01-31T10:00:00.000Z',
      receiveTimestamp: '2026-01-31T10:00:00.000Z',
      severity: 'NOTICE',
      labels: { revision: '7' },
      protoPayload: {
        '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
        serviceName: 'vauban',
        methodName: 'vauban.v1.instances.replace',
        resourceName: 'projects/lab/instances/server',
        authenticationInfo: { principalEmail: 'admin' },
        requestMetadata: { callerIp: '127.0.0.1' },
        status: {},
      },
    },
  ]);
});

test('what concerns no project in particular is told in every one; a project that a change begins has its entry', () => {
  const projects = (it: Partial<AuditEvent>): string[] =>
    auditEntries({ ...event, ...it }, ['lab', 'other'], at).map((entry) => entry.logName.split('/')[1] ?? '');
  expect(projects({ projects: [] })).toEqual(['lab', 'other']);
  expect(projects({ projects: ['new'] })).toEqual(['new']);
  const { revision: _, ...failed } = event;
  const names = auditEntries({ ...failed, projects: ['made-up'], status: 404 }, ['lab'], at).map((it) => it.logName);
  expect(names).toEqual(['projects/lab/logs/cloudaudit.googleapis.com%2Factivity']);
});

test('a machine that joins is told by its name, and whoever was refused as a stranger', () => {
  const of = (it: Partial<MachineEvent>) =>
    auditEntries(
      machineAudit({ deed: 'join', machine: 'b', address: '192.0.2.7', isKnown: true, ...it }),
      ['lab'],
      at,
    ).map((entry) => entry.protoPayload);
  const what = { methodName: 'vauban.v1.machines.join', resourceName: 'machines/b' };
  const requestMetadata = { callerIp: '192.0.2.7' };
  expect(of({})).toMatchObject([
    { ...what, requestMetadata, authenticationInfo: { principalEmail: 'machine b' }, status: {} },
  ]);
  expect(of({ isKnown: false, refused: 'no such token' })).toMatchObject([
    { ...what, authenticationInfo: { principalEmail: 'anonymous' }, status: { code: 7, message: 'no such token' } },
  ]);
});

test('strangers cannot fill the log, and how many were left out is told', () => {
  let now = 0;
  const kept: LogEntry[] = [];
  const log = new AuditLog({
    append: async (entries) => {
      kept.push(...entries);
    },
    projects: () => ['lab'],
    now: () => new Date(now),
    log: () => {},
  });
  const { identity: _, revision: __, ...rest } = event;
  const refusal: AuditEvent = { ...rest, identity: undefined, status: 401, message: 'no token' };
  for (let i = 0; i < 500; i++) log.write(refusal);
  expect(kept).toHaveLength(20);
  log.write(event);
  expect(kept).toHaveLength(21);
  now = 5000;
  log.write(refusal);
  expect(kept.at(-1)?.protoPayload?.['status']).toEqual({
    code: 16,
    message: 'no token (480 more refusals were left out)',
  });
});
