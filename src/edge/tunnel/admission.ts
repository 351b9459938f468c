import type { Known } from '#access/policy/facts.ts';
import type { Policy, PolicyDecision } from '#access/policy/policy.ts';
import { type Reason, reasons } from '#access/policy/reason.ts';
import type { EdgeRole } from '#access/policy/role.ts';
import { shortName } from '#lib/hash.ts';
import type { Refusal } from './handshake.ts';
import type { Guest, Verdict, Way } from './relay.ts';

interface Case {
  readonly caller: Caller;
  readonly asking: Asking;
  readonly way: Way;
}

/** Somebody whose token was believed. */
export interface Caller {
  readonly subject: Known;
  /** Whether somebody here keeps an account of theirs: then it must still be there later. */
  readonly hasAccount: boolean;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly methods: readonly string[];
}

export interface AdmissionParts {
  readonly policy: () => Policy;
  /** Who a bearer token stands for, or why it is not believed. */
  readonly identify: (token: string) => Promise<Caller | { readonly refused: readonly Reason[] }>;
  /** The same somebody as of now: groups change, accounts are disabled. Undefined: there is no such account any more. */
  readonly refresh: (caller: Caller) => Promise<Known | undefined>;
  readonly project: () => string;
  readonly now: () => number;
}

export interface Asking {
  /** The Authorization header. */
  readonly authorization: string | undefined;
  /** Where the request was sent to, and where it came from. */
  readonly host: string;
  readonly address: string;
}

const TUNNEL = 'roles/iap.tunnelResourceAccessor';
const LOGIN = 'roles/compute.osAdminLogin';

/** Somebody who may have an account with sudo on a host. */
export interface AccountHolder {
  readonly principal: string;
  /** Its name, which nobody chooses: alice@example.com is alice_example_com. */
  readonly account: string;
}

/** Lets in whom a role binding names, for as long as it does. */
export function admission(parts: AdmissionParts) {
  const decide = (role: EdgeRole, { caller, asking, way }: Case): PolicyDecision =>
    parts
      .policy()
      .forTarget({
        role,
        name: way.instance,
        resource: {
          name: `projects/${parts.project()}/iap_tunnel/instances/${way.instance}`,
          type: 'iap.googleapis.com/TunnelInstance',
          service: 'iap.googleapis.com',
        },
      })
      .decide(caller.subject, {
        time: parts.now(),
        host: asking.host,
        path: '',
        ip: asking.address,
        ...(way.address === undefined ? {} : { destination: { ip: way.address, port: way.port } }),
        claims: caller.claims,
        methods: caller.methods,
      });

  const still = async (caller: Caller, asking: Asking, way: Way): Promise<Verdict> => {
    const subject = await parts.refresh(caller);
    if (subject === undefined) return { allowed: false, reason: words([{ code: 'person-disabled' }]) };
    const decision = decide(TUNNEL, { caller: { ...caller, subject }, asking, way });
    return decision.allowed ? { allowed: true } : { allowed: false, reason: words(decision.reasons) };
  };

  const identified = async ({ authorization }: Asking): Promise<{ caller: Caller; principal: string } | Refusal> => {
    const token = /^Bearer (\S{1,16000})$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return { status: 401, reason: 'no bearer token came with the request' };
    const caller = await parts.identify(token);
    if ('refused' in caller) return { status: 401, reason: words(caller.refused) };
    const { kind, email } = caller.subject;
    return { caller, principal: `${kind === 'serviceAccount' ? kind : 'user'}:${email}` };
  };

  return {
    /** Whether a tunnel may be opened. `way` undefined: whoever comes back is asked for the way that their session has. */
    async tunnel(asking: Asking, way: Way | undefined): Promise<Guest | Refusal> {
      const who = await identified(asking);
      if ('status' in who) return who;
      const { caller, principal } = who;
      const guest: Guest = { principal, address: asking.address, still: (to) => still(caller, asking, to) };
      const verdict = way === undefined ? { allowed: true as const } : await guest.still(way);
      if (verdict.allowed || way === undefined) return guest;
      const reason = `${principal} may not open a tunnel to ${way.instance}: ${verdict.reason}`;
      return { status: 403, principal, reason };
    },

    /** Whether an SSH key may be lent to an account on a host. */
    async account(asking: Asking, way: Way): Promise<AccountHolder | Refusal> {
      const who = await identified(asking);
      if ('status' in who) return who;
      const { caller, principal } = who;
      const subject = await parts.refresh(caller);
      const decision = subject && decide(LOGIN, { caller: { ...caller, subject }, asking, way });
      if (decision?.allowed === true) return { principal, account: accountOf(caller.subject) };
      const why = words(decision?.reasons ?? [{ code: 'person-disabled' }]);
      return { status: 403, principal, reason: `${principal} may not have an account on ${way.instance}: ${why}` };
    },
  };
}

/** As the cloud names them. Two addresses that differ in other signs alone would share an account, so those get a mark. */
function accountOf(subject: Known): string {
  const plain = subject.email.toLowerCase().replace(/[^a-z0-9]/g, '_');
  const exact = plain.length <= 32 && /^[a-z][a-z0-9.]*@[a-z0-9.]+$/.test(subject.email);
  return exact ? plain : `u_${plain.slice(0, 21)}_${shortName(subject.email, 8)}`;
}

/** As a person reads it. */
const words = (list: readonly Reason[]): string =>
  list
    .map(({ code, subject, detail }) =>
      [reasons[code].replace(/\.$/, ''), detail ?? subject].filter(Boolean).join(': '),
    )
    .join('; ') || 'no role binding names them';
