import type { Known } from '#access/policy/facts.ts';
import type { Policy, PolicyDecision } from '#access/policy/policy.ts';
import { type Reason, reasons } from '#access/policy/reason.ts';
import type { Refusal } from './handshake.ts';
import type { Guest, Verdict, Way } from './relay.ts';

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

const ROLE = 'roles/iap.tunnelResourceAccessor';

/** Lets in whom a role binding names, for as long as it does. */
export function admission(parts: AdmissionParts) {
  const decide = (caller: Caller, asking: Asking, way: Way): PolicyDecision =>
    parts
      .policy()
      .forTarget({
        role: ROLE,
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
    const decision = decide({ ...caller, subject }, asking, way);
    return decision.allowed ? { allowed: true } : { allowed: false, reason: words(decision.reasons) };
  };

  return async (asking: Asking, way: Way | undefined): Promise<Guest | Refusal> => {
    const token = /^Bearer (\S{1,16000})$/i.exec(asking.authorization ?? '')?.[1];
    if (token === undefined) return { status: 401, reason: 'no bearer token came with the request' };
    const caller = await parts.identify(token);
    if ('refused' in caller) return { status: 401, reason: words(caller.refused) };
    const { kind, email } = caller.subject;
    const principal = `${kind === 'serviceAccount' ? kind : 'user'}:${email}`;
    const guest: Guest = { principal, address: asking.address, still: (to) => still(caller, asking, to) };
    // Whoever comes back is asked for the way that their session has.
    const verdict = way === undefined ? { allowed: true as const } : await guest.still(way);
    if (verdict.allowed || way === undefined) return guest;
    return {
      status: 403,
      principal,
      reason: `${principal} may not open a tunnel to ${way.instance}: ${verdict.reason}`,
    };
  };
}

/** As a person reads it. */
const words = (list: readonly Reason[]): string =>
  list
    .map(({ code, subject, detail }) =>
      [reasons[code].replace(/\.$/, ''), detail ?? subject].filter(Boolean).join(': '),
    )
    .join('; ') || 'no role binding names them';
