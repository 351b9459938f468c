import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RateLimit } from '#access/limit.ts';
import type { Identity, Role } from '#access/roles.ts';
import type { Control } from '#control/control.ts';
import type { LogStore } from '#control/logs/store.ts';
import type { Observer } from '#control/observations.ts';
import type { Operations } from '#control/operations.ts';
import type { ResourceStore } from '#control/store/store.ts';
import type { ThreatStore } from '#control/threats/store.ts';
import type { Threat } from '#control/threats/threat.ts';
import type { Tokens } from '#control/tokens.ts';
import type { HostLink } from '#core/host.ts';

/** Everything that the API answers from. */
export interface ApiParts {
  readonly control: Control;
  readonly store: ResourceStore;
  readonly host: HostLink;
  readonly operations: Operations;
  readonly observer: Observer;
  readonly tokens: Tokens;
  readonly threats: ThreatStore;
  readonly logs: LogStore;
  readonly limit: RateLimit;
  /** Calls the listener with every new or changed threat; returns the way to stop that. */
  readonly onThreat: (listener: (threat: Threat) => void) => () => void;
  /** Packets of a threat's session as a pcap file; undefined when none were kept. */
  readonly packetsOf: (threat: Threat) => Promise<Uint8Array | undefined>;
  /** Health of the parts of control itself. */
  readonly health: () => Promise<readonly HealthItem[]>;
  readonly audit: (entry: AuditEvent) => void;
  readonly now: () => Date;
}

export interface HealthItem {
  readonly part: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly text: string;
  readonly values?: Readonly<Record<string, number>>;
}

export interface AuditEvent {
  readonly identity: Identity | undefined;
  readonly method: string;
  readonly resource: string;
  readonly project: string | undefined;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly message: string;
  readonly requestId: string;
  readonly address: string;
}

export interface Bindings {
  readonly incoming?: IncomingMessage;
  readonly outgoing?: ServerResponse;
}

/** What the steps before a route leave for it. */
export interface Variables {
  identity: Identity;
  requestId: string;
}

export interface Env {
  Bindings: Bindings;
  Variables: Variables;
}

export interface RouteNeeds {
  readonly role: Role;
}
