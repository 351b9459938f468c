import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RateLimit } from '#access/limit.ts';
import type { Identity, Role } from '#access/roles.ts';
import type { AuditEvent } from '#control/audit.ts';
import type { Control } from '#control/control.ts';
import type { GroupKeeper } from '#control/groups/keeper.ts';
import type { HealthItem } from '#control/health.ts';
import type { LogStore } from '#control/logs/store.ts';
import type { Machines } from '#control/machines/seen.ts';
import type { Observer } from '#control/observations.ts';
import type { Operations } from '#control/operations.ts';
import type { ResourceStore } from '#control/store/store.ts';
import type { ThreatChange } from '#control/threats/change.ts';
import type { ThreatStore } from '#control/threats/store.ts';
import type { Threat } from '#control/threats/threat.ts';
import type { Tokens } from '#control/tokens.ts';
import type { VpnNames } from '#control/vpn/names.ts';
import type { HostLink } from '#core/host.ts';
import type { AccountAnswer, KnownPerson } from '#engines/edge/paths.ts';
import type { AuditNote } from './audit.ts';

/** Everything that the API answers from. */
export interface ApiParts {
  readonly control: Control;
  readonly store: ResourceStore;
  /** All machines. */
  readonly host: Omit<HostLink, 'hold'>;
  readonly operations: Operations;
  readonly observer: Observer;
  readonly groups: Pick<GroupKeeper, 'standing' | 'waits' | 'roll'>;
  readonly tokens: Tokens;
  readonly threats: ThreatStore;
  readonly logs: LogStore;
  readonly vpnNames: VpnNames;
  /** Everybody whom the directories of a project know. */
  readonly knownPeople: (project: string) => Promise<readonly KnownPerson[]>;
  /** Whom an ID token stands for, and which account they may have on a host; the project's edge decides. */
  readonly accountOf: (asked: AccountQuestion) => Promise<AccountAnswer>;
  readonly limit: RateLimit;
  /** The last lines of an instance's console; undefined when there is no such instance. */
  readonly serialText: (project: string, instance: string, lines: number) => Promise<string | undefined>;
  /** Calls the listener with every new or changed threat; returns the way to stop that. */
  readonly onThreat: (listener: (change: ThreatChange) => void) => () => void;
  /** Packets of a threat's session as a pcap file; undefined when none were kept. */
  readonly packetsOf: (threat: Threat) => Promise<Uint8Array | undefined>;
  /** Machines of this deployment beside this one. */
  readonly machines: Machines;
  /** Health of the parts of control itself. */
  readonly health: () => Promise<readonly HealthItem[]>;
  readonly audit: (event: AuditEvent) => void;
  readonly now: () => Date;
}

export interface AccountQuestion {
  readonly project: string;
  readonly instance: string;
  readonly token: string;
  /** Where the request came from. */
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
  /** For the audit log. */
  note?: AuditNote;
}

export interface Env {
  Bindings: Bindings;
  Variables: Variables;
}

export interface RouteNeeds {
  readonly role: Role;
}
