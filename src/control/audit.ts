import { randomUUID } from 'node:crypto';
import { RateLimit } from '#access/limit.ts';
import type { Identity } from '#access/roles.ts';
import type { LogEntry } from '#core/log.ts';
import { auditEntry } from './logs/entries/audit.ts';
import type { MachineEvent } from './machines/door.ts';

/** Something that was asked for and that changes something, or that was refused. */
export interface AuditEvent {
  /** Undefined: nobody whom we know. */
  readonly identity: Identity | undefined;
  /** What was done: `vauban.v1.instances.replace`. */
  readonly method: string;
  /** To what: `projects/lab/instances/server`. */
  readonly resource: string;
  /** Projects that it concerns; empty: all of them. */
  readonly projects: readonly string[];
  /** HTTP status of the answer. */
  readonly status: number;
  readonly message: string;
  readonly requestId: string;
  readonly address: string;
  readonly userAgent?: string;
  /** Revision that came of it. */
  readonly revision?: number;
  /** What was asked for, as far as it is no secret. */
  readonly request?: Readonly<Record<string, unknown>>;
}

export interface AuditParts {
  readonly append: (entries: readonly LogEntry[]) => Promise<void>;
  readonly projects: () => readonly string[];
  readonly now: () => Date;
  readonly log: (text: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** Writes the audit log. Strangers cannot fill it: of their refusals from one address one a second is written down. */
export class AuditLog {
  readonly #parts: AuditParts;
  readonly #strangers = new RateLimit({ rate: 1, burst: 20 });
  #leftOut = 0;

  constructor(parts: AuditParts) {
    this.#parts = parts;
  }

  write(event: AuditEvent): void {
    const { append, projects, now, log } = this.#parts;
    if (event.identity === undefined && !this.#strangers.take(event.address, now().getTime())) {
      this.#leftOut += 1;
      return;
    }
    const entries = auditEntries({ ...event, message: event.message + this.#omission(event) }, projects(), now());
    // Before the first project there is no log to write to.
    if (entries.length === 0) log('audit', { event });
    append(entries).catch((error: unknown) => log('an audit entry was lost', { event, error: String(error) }));
  }

  #omission(event: AuditEvent): string {
    if (event.identity !== undefined || this.#leftOut === 0) return '';
    const text = ` (${this.#leftOut} more refusals were left out)`;
    this.#leftOut = 0;
    return text;
  }
}

/** A machine that joins or leaves is audited as what the API does. */
export const machineAudit = ({ deed, machine, address, isKnown, refused }: MachineEvent): AuditEvent => ({
  identity: isKnown ? { name: `machine ${machine}`, role: 'viewer' } : undefined,
  method: `vauban.v1.machines.${deed}`,
  resource: `machines/${machine}`,
  projects: [],
  status: refused === undefined ? 200 : isKnown ? 409 : 403,
  message: refused ?? '',
  requestId: randomUUID(),
  address,
});

/** One entry in each project that it concerns. Pure. */
export function auditEntries(event: AuditEvent, known: readonly string[], at: Date): readonly LogEntry[] {
  const named = event.projects.filter((it) => event.revision !== undefined || known.includes(it));
  const { address: callerIp, userAgent, revision, request, method, resource } = event;
  return (named.length === 0 ? known : named).map((project) =>
    auditEntry({
      project,
      id: `${event.requestId}-${project}`.slice(0, 128),
      at: at.toISOString(),
      principal: event.identity?.name ?? 'anonymous',
      service: 'vauban',
      method,
      resource,
      callerIp,
      ...(userAgent === undefined ? {} : { userAgent: userAgent.slice(0, 500) }),
      ...(revision === undefined ? {} : { revision }),
      ...(request === undefined ? {} : { request }),
      ...(event.status < 400 ? {} : { failure: { code: codeOf(event.status), message: event.message } }),
    }),
  );
}

/** google.rpc.Code of an HTTP status. */
const codes: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  409: 10,
  412: 9,
  413: 3,
  422: 9,
  429: 8,
  500: 13,
  503: 14,
};

const unknownCode = 2;
const codeOf = (status: number): number => codes[status] ?? unknownCode;
