import * as z from 'zod';
import type { Known } from '#access/policy/facts.ts';
import { type Reason, reasons } from '#access/policy/reason.ts';
import type { Accounts } from '../directory/accounts.ts';
import type { Edge } from '../edge.ts';
import type { Person } from '../people.ts';
import type { Guards } from '../sign-in/guards.ts';
import type { VpnArrivals } from './arrivals.ts';
import type { Circumstances, VpnGrant, VpnPolicies, VpnPolicy } from './rights.ts';

const Short = z.string().max(320);

/** Somebody at the door of a server. */
export const Knock = z.object({
  server: Short,
  /** An address, or what stands before the `@` where only one person has that. */
  username: Short,
  password: z.string().max(4096),
  code: z.string().max(64).optional(),
  /** Whose certificate was shown. */
  certificate: Short.optional(),
  from: Short,
});
export type Knock = z.infer<typeof Knock>;

/** Somebody who is in already. */
export const Question = z.object({
  server: Short,
  email: Short,
  /** From where, if that is known better than at the sign-in. */
  from: Short.optional(),
});
export type Question = z.infer<typeof Question>;

export type RefusalCode =
  | 'wrong-password'
  | 'locked'
  | 'no-right'
  | 'disabled'
  | 'code-needed'
  | 'code-wrong'
  | 'password-must-change'
  | 'certificate-of-another'
  | 'unavailable';

export interface Refusal {
  readonly refused: RefusalCode;
  /** In words, for whoever sits there. It tells nobody whether there is such a person. */
  readonly reason: string;
}

export interface Admitted {
  readonly person: Pick<Person, 'email' | 'subject' | 'displayName' | 'groups'>;
  readonly grants: readonly VpnGrant[];
  readonly networks: readonly string[];
}

export type VpnVerdict = Admitted | Refusal;

export interface AdmissionParts {
  readonly edge: Pick<Edge, 'input' | 'log' | 'now'>;
  readonly accounts: Accounts;
  readonly guards: Guards;
  readonly arrivals: VpnArrivals;
  readonly policies: () => VpnPolicies;
  /** Told when time alone may change what was answered. */
  readonly due: (email: string, until: number) => void;
}

const WRONG =
  'That name and password do not go together. After several wrong tries an account rests for a while, so wait a little before you try again.';
const refusals: Readonly<Record<Exclude<RefusalCode, 'no-right' | 'password-must-change'>, string>> = {
  'wrong-password': WRONG,
  locked: 'There were too many tries. Wait some minutes, then try again.',
  disabled: 'There is no such account any more, or it is disabled.',
  'code-needed': 'A code of your authenticator app is needed.',
  'code-wrong': 'That code is not right, or was used already. Wait for the next one.',
  'certificate-of-another': 'The certificate in this profile is not yours. Get a profile of your own.',
  unavailable: 'The sign-in does not answer just now. Try again in a moment.',
};

/** Who is let in at gateways, by the SSL VPN or at a captive portal: the same directories, second factors and limits as at the sign-in page. */
export function vpnAdmission(parts: AdmissionParts) {
  const { edge, accounts, arrivals } = parts;

  const refused = (code: keyof typeof refusals, told = refusals[code]): Refusal => ({ refused: code, reason: told });

  /** Rights as of now; the person has shown who they are. */
  const judged = (policy: VpnPolicy, person: Person, circumstances: Circumstances): VpnVerdict & Why => {
    const rights = policy.rightsOf(knownOf(person), circumstances);
    if (Number.isFinite(rights.until)) parts.due(person.email, rights.until);
    if (!rights.allowed) {
      const reason = `${may[policy.way]} ${rights.reasons.map(words).join(' ')}`.trim();
      return { refused: 'no-right', reason, why: rights.reasons };
    }
    const { email, subject, displayName, groups } = person;
    const { grants, networks, bindings } = rights;
    return { person: { email, subject, displayName, groups }, grants, networks, why: bindings };
  };

  const authenticate = async (knock: Knock): Promise<VpnVerdict & Why> => {
    const policy = parts.policies().find(knock.server);
    if (policy === undefined) return { ...refused('unavailable'), why: 'there is no such server' };
    const { address } = parts.guards.guesses;
    if (!address.allow(knock.from)) return { ...refused('locked'), why: 'too many tries from this address' };
    const email = addressIn(knock.username, policy, parts);
    const { directories } = policy.server;
    const verdict = await accounts.verify({ email, password: knock.password, directories });
    if (verdict.outcome === 'away') {
      address.forgive(knock.from);
      return { ...refused('unavailable'), why: `the directory does not answer: ${verdict.detail}` };
    }
    const person = accounts.look(email);
    if (verdict.outcome === 'refused' || person === undefined) {
      return { ...refused('wrong-password'), why: verdict.outcome === 'refused' ? verdict.reason : 'unknown' };
    }
    address.forgive(knock.from);
    if (verdict.outcome === 'mustChange') return { ...mustChange(edge), why: 'the password must be changed first' };
    if (knock.certificate !== undefined && knock.certificate.toLowerCase() !== person.email) {
      return { ...refused('certificate-of-another'), why: `the certificate is of ${knock.certificate}` };
    }
    return arrived(policy, person, knock);
  };

  /** Somebody who has shown the password. */
  const arrived = (
    policy: VpnPolicy,
    person: Person,
    { from, code }: Pick<Knock, 'from' | 'code'>,
  ): VpnVerdict & Why => {
    const second = secondFactor(policy, person, code);
    if (!second.shown) return { refused: second.refused, reason: second.reason, why: second.why };
    const circumstances = { time: edge.now(), from, methods: second.methods };
    const found = judged(policy, person, circumstances);
    if (!('refused' in found)) arrivals.keep(arrivalOf(policy, from), person.email, circumstances);
    return found;
  };

  /** The code alone, of somebody who has just shown the password. */
  const completed = ({ server, email, from, code }: Completing): VpnVerdict & Why => {
    const policy = parts.policies().find(server);
    const person = accounts.look(email);
    if (policy === undefined) return { ...refused('unavailable'), why: 'there is no such server' };
    if (person === undefined || !isOf(policy, person)) return { ...refused('disabled'), why: 'gone or disabled' };
    return arrived(policy, person, { from, code });
  };

  /** Who got this far has shown the password; nobody else may try codes. */
  const secondFactor = ({ server }: VpnPolicy, { subject }: Person, code = ''): Second => {
    const { factors, guesses } = parts.guards;
    const failed = (...it: Parameters<typeof refused>) => ({ shown: false as const, ...refused(...it) });
    if (factors.totpSince(subject) === undefined) {
      if (server.secondFactor === 'whenSetUp') return { shown: true, methods: ['pwd'] };
      const told = `${refusals['code-needed']} You have none yet: set it up ${accountPage(edge)} first.`;
      return { ...failed('code-needed', told), why: 'no authenticator app is set up' };
    }
    if (code === '') return { ...failed('code-needed'), why: 'no code was given' };
    if (!guesses.code.allow(subject)) return { ...failed('locked'), why: 'too many codes' };
    if (!factors.checkTotp(subject, code)) return { ...failed('code-wrong'), why: 'wrong code, or used already' };
    guesses.code.clear(subject);
    return { shown: true, methods: ['pwd', 'otp', 'mfa'] };
  };

  const rights = ({ server, email: text, from }: Question): VpnVerdict & Why => {
    const policy = parts.policies().find(server);
    if (policy === undefined) return gone;
    const email = addressIn(text, policy, parts);
    const person = accounts.look(email);
    if (person === undefined || !isOf(policy, person)) {
      const { directories } = policy.server;
      const away = accounts
        .states()
        .some((it) => !it.answers && (directories.length === 0 || directories.includes(it.name)));
      if (away && person === undefined) return { ...refused('unavailable'), why: 'a directory does not answer' };
      return { ...refused('disabled'), why: 'gone or disabled' };
    }
    const arrival = arrivals.find(arrivalOf(policy, from ?? ''), email) ?? { from: '', methods: ['pwd'] };
    return judged(policy, person, { ...arrival, ...(from === undefined ? {} : { from }), time: edge.now() });
  };

  const told = ({ server, username, from: client }: Told, { why, ...verdict }: VpnVerdict & Why): VpnVerdict => {
    const principal = 'refused' in verdict ? undefined : verdict.person.email;
    edge.log(`${wayOf(server)}.signIn`, {
      ...{ server, username: username.slice(0, 254), client, why },
      ...(principal === undefined ? {} : { principal }),
      ...('refused' in verdict ? { refused: verdict.refused } : { networks: verdict.networks.length }),
    });
    return verdict;
  };
  const wayOf = (server: string): VpnPolicy['way'] => parts.policies().find(server)?.way ?? 'vpn';

  return {
    async authenticate(knock: Knock): Promise<VpnVerdict> {
      return told(knock, await authenticate(knock));
    },
    complete(it: Completing): VpnVerdict {
      return told({ ...it, username: it.email }, completed(it));
    },
    /** As people write it, the address that they sign in with. */
    emailOf(server: string, username: string): string {
      const policy = parts.policies().find(server);
      return policy === undefined ? username : addressIn(username, policy, parts);
    },
    rights(question: Question): VpnVerdict {
      const { why, ...verdict } = rights(question);
      if ('refused' in verdict && verdict.refused !== 'unavailable') {
        edge.log(`${wayOf(question.server)}.right`, {
          server: question.server,
          principal: question.email,
          refused: verdict.refused,
          why,
        });
      }
      return verdict;
    },
  };
}

type Told = Pick<Knock, 'server' | 'username' | 'from'>;

/** A code for a sign-in whose password was right. */
export interface Completing {
  readonly server: string;
  readonly email: string;
  readonly from: string;
  readonly code: string;
}

const may: Readonly<Record<VpnPolicy['way'], string>> = {
  vpn: 'You may not use this VPN.',
  portal: 'You may not sign in here.',
};

/** By the SSL VPN one sign-in of a person follows another; at a captive portal there is one for each address. */
const arrivalOf = ({ server: { key }, way }: VpnPolicy, from: string): string =>
  way === 'portal' ? `${key} ${from}` : key;

export type Admission = ReturnType<typeof vpnAdmission>;

/** For the log only. */
interface Why {
  readonly why: unknown;
}

type Second =
  | { readonly shown: true; readonly methods: readonly string[] }
  | ({ readonly shown: false } & Refusal & Why);

const gone = {
  refused: 'no-right',
  reason: 'This VPN is not there any more.',
  why: 'there is no such server',
} as const;

const knownOf = ({ email, domain, groups }: Person): Known => ({
  ...{ kind: 'person' as const, email, groups },
  ...(domain === undefined ? {} : { domain }),
});

const isOf = ({ server: { directories } }: VpnPolicy, { provider }: Person): boolean =>
  directories.length === 0 || directories.includes(provider);

/** `alice` is alice@example.com where nobody else is called so. */
function addressIn(username: string, policy: VpnPolicy, { accounts, edge }: AdmissionParts): string {
  const name = username.trim().toLowerCase();
  if (name.includes('@')) return name;
  const all =
    policy.server.directories.length > 0 ? policy.server.directories : edge.input().directories.map((it) => it.name);
  const [only, ...others] = accounts.called(name, all);
  return only === undefined || others.length > 0 ? name : only;
}

const accountPage = ({ input }: Pick<Edge, 'input'>): string => {
  const host = input().providers.find((it) => it.internal !== undefined)?.internal?.host;
  return host === undefined ? 'on the account page of the sign-in' : `at https://${host}/account`;
};

const mustChange = (edge: Pick<Edge, 'input'>): Refusal => ({
  refused: 'password-must-change',
  reason: `Your password is right, but you must choose another first: sign in ${accountPage(edge)}.`,
});

const words = ({ code, subject, detail }: Reason): string =>
  [reasons[code].replace(/\.$/, ''), detail ?? subject].filter(Boolean).join(': ').concat('.');
