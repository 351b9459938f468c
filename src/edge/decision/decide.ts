import { audienceOf } from '#access/iap.ts';
import type { Facts, Known, Subject } from '#access/policy/facts.ts';
import { compilePolicy, type TargetPolicy } from '#access/policy/policy.ts';
import type { Reason, ReasonCode } from '#access/policy/reason.ts';
import type { EdgeInput } from '#engines/edge/input.ts';
import type { EdgeService } from '#engines/edge/sections/services.ts';
import type { Devices, Judged } from '../devices/devices.ts';
import type { TokenIssuers } from '../issuers.ts';
import type { People } from '../people.ts';
import type { Session, Sessions } from '../session.ts';
import { judgeBearer } from './bearer.ts';
import { decidablePath, pathOf } from './path.ts';
import type { Question } from './question.ts';

/** What one project's policy says about its backend services; made anew whenever the input changes. */
export interface ServicePolicies {
  readonly input: EdgeInput;
  of(service: string): { readonly service: EdgeService; readonly policy: TargetPolicy } | undefined;
}

export function servicePolicies(input: EdgeInput): ServicePolicies {
  const policy = compilePolicy(input.bindings, input.accessLevels);
  const services = new Map(
    input.services.map((service) => {
      const resource = {
        name: `projects/${input.project.number}/iap_web/compute/services/${service.id}`,
        type: 'iap.googleapis.com/WebService',
        service: 'iap.googleapis.com',
      };
      const target = { role: 'roles/iap.httpsResourceAccessor' as const, name: service.name, resource };
      return [service.name, { service, policy: policy.forTarget(target) }];
    }),
  );
  return { input, of: (name) => services.get(name) };
}

/** Who was found behind a request. */
export interface Who {
  readonly subject: Known;
  readonly id: string;
  readonly session?: Session;
}

export interface Decision {
  readonly verdict: 'allow' | 'login' | 'deny' | 'unauthorized';
  readonly reasons: readonly Reason[];
  readonly who?: Who;
  /** Names of access levels that are met. */
  readonly levels: readonly string[];
  readonly audience: string;
  /** Milliseconds until which the decision holds if nothing else changes. */
  readonly until: number;
  /** What the device has shown, and what it is worth. */
  readonly device?: Judged;
}

export interface DecideParts {
  readonly policies: ServicePolicies;
  readonly sessions: Sessions;
  readonly people: People;
  readonly issuers: TokenIssuers;
  /** Absent: no certificate of a device counts. */
  readonly devices?: Devices;
  readonly now: () => number;
}

/** What the steps fill in, one after the other. */
interface Progress {
  readonly question: Question;
  readonly parts: DecideParts;
  readonly service: EdgeService;
  readonly policy: TargetPolicy;
  who?: Who;
  claims: Readonly<Record<string, unknown>>;
  methods: readonly string[];
  until: number;
  readonly device: Judged;
}

type Outcome = Pick<Decision, 'verdict' | 'reasons'> & { readonly levels?: readonly string[] };
type Step = (progress: Progress) => Outcome | undefined | Promise<Outcome | undefined>;

/** The order in which a request is judged; the first step that says something decides. */
const steps: readonly (readonly [name: string, step: Step])[] = [
  ['a preflight passes where the service says so', preflight],
  ['a session or a token says who asks', authenticate],
  ['the sign-in is fresh and strong enough', reauthenticate],
  ['the path means one thing only', readPath],
  ['the policy decides', applyPolicy],
];

export async function decide(question: Question, parts: DecideParts): Promise<Decision> {
  const found = parts.policies.of(question.service);
  const nothing = { levels: [], audience: '', until: 0 };
  if (found === undefined) return { verdict: 'deny', reasons: [{ code: 'service-unknown' }], ...nothing };
  const progress: Progress = {
    ...found,
    ...{ question, parts, claims: {}, methods: [], until: Number.POSITIVE_INFINITY },
    device: question.shown === undefined ? undefined : parts.devices?.judge(question.shown, parts.now()),
  };
  const audience = audienceOf(parts.policies.input.project.number, found.service.id);
  for (const [, step] of steps) {
    const outcome = await step(progress);
    if (outcome === undefined) continue;
    const { who, until, device } = progress;
    const known = { ...(who === undefined ? {} : { who }), ...(device === undefined ? {} : { device }) };
    return { levels: [], ...outcome, audience, until, ...known };
  }
  // The last step always decides; without a decision nobody passes.
  return { verdict: 'deny', reasons: [{ code: 'no-binding' }], ...nothing };
}

function preflight({ question, service }: Progress): Outcome | undefined {
  if (question.method !== 'OPTIONS' || question.kind !== 'none' || !service.allowHttpOptions) return undefined;
  return { verdict: 'allow', reasons: [{ code: 'preflight-allowed' }] };
}

async function authenticate(progress: Progress): Promise<Outcome | undefined> {
  const { question } = progress;
  if (question.kind === 'cookie') return await bySession(progress);
  if (question.kind !== 'none') return await byToken(progress);
  return progress.policy.admitsNobody ? undefined : login('not-signed-in');
}

const login = (code: ReasonCode): Outcome => ({ verdict: 'login', reasons: [{ code }] });

async function bySession(progress: Progress): Promise<Outcome | undefined> {
  const { question, parts } = progress;
  const session = parts.sessions.findKey(question.credential);
  if (session === undefined) return progress.policy.admitsNobody ? undefined : login('session-unknown');
  // `__Host-` keeps a cookie to its host; somebody who carries it elsewhere by hand gets nowhere.
  if (session.host !== question.host) return login('session-other-host');
  const { person } = session;
  const now = await parts.people.find(person.subject);
  const groups = now?.groups ?? [...person.groups, ...(await parts.people.groupsOf(person.email))];
  const domain = now?.domain ?? person.domain;
  const subject: Known = {
    kind: 'person',
    email: (now?.email ?? person.email).toLowerCase(),
    groups,
    ...(domain === undefined ? {} : { domain }),
  };
  progress.who = { subject, id: person.subject, session };
  progress.claims = session.claims ?? {};
  progress.methods = session.methods;
  progress.until = session.expiresAt * 1000;
  return undefined;
}

async function byToken(progress: Progress): Promise<Outcome | undefined> {
  const { question, parts, service } = progress;
  const { input } = parts.policies;
  const context = {
    input,
    service,
    host: question.host,
    issuers: parts.issuers,
    people: parts.people,
    now: parts.now(),
  };
  const result = await judgeBearer(question.token, context);
  if ('refused' in result) {
    return { verdict: 'unauthorized', reasons: [{ code: result.refused, detail: result.detail }] };
  }
  const { subject, id, claims, expiresAt } = result;
  const groups = subject.kind === 'person' ? await parts.people.groupsOf(subject.email) : subject.groups;
  progress.who = { subject: { ...subject, groups }, id };
  progress.claims = claims;
  progress.until = expiresAt * 1000;
  return undefined;
}

const strong: Readonly<Record<EdgeService['reauthMethod'], readonly string[]>> = {
  login: [],
  secureKey: ['hwk', 'swk'],
  secondFactor: ['mfa', 'otp', 'hwk', 'swk'],
};

/** Only for people: programs bring a fresh token each time. */
function reauthenticate(progress: Progress): Outcome | undefined {
  const { service, who, methods, parts } = progress;
  if (who?.session === undefined) return undefined;
  const wanted = strong[service.reauthMethod];
  if (wanted.length > 0 && !wanted.some((it) => methods.includes(it))) return login('sign-in-too-weak');
  if (service.reauthSeconds === 0) return undefined;
  const due = (who.session.authTime + service.reauthSeconds) * 1000;
  if (parts.now() >= due) return login('reauthentication-due');
  progress.until = Math.min(progress.until, due);
  return undefined;
}

function readPath({ policy, question }: Progress): Outcome | undefined {
  if (!policy.reads.has('path') || decidablePath(question.url) !== undefined) return undefined;
  return { verdict: 'deny', reasons: [{ code: 'path-ambiguous' }] };
}

function applyPolicy(progress: Progress): Outcome {
  const { question, policy, who, parts, device } = progress;
  const accepted = device !== undefined && 'certificate' in device ? device : undefined;
  const facts: Facts = {
    time: parts.now(),
    host: question.host,
    path: decidablePath(question.url) ?? pathOf(question.url),
    ip: question.source,
    claims: progress.claims,
    methods: progress.methods,
    ...(accepted === undefined ? {} : { device: { certificate: accepted.certificate } }),
  };
  const subject: Subject = who?.subject ?? { kind: 'nobody' };
  const { allowed, reasons, levels, until } = policy.decide(subject, facts);
  const asksForDevice = policy.reads.has('device');
  progress.until = Math.min(progress.until, until, asksForDevice ? (accepted?.until ?? until) : until);
  if (allowed) return { verdict: 'allow', reasons, levels };
  const missing = asksForDevice && reasons.some((it) => it.code !== 'no-binding') ? lackOf(device) : [];
  // Whoever has not signed in may be somebody who is let in.
  return { verdict: who === undefined ? 'login' : 'deny', reasons: [...reasons, ...missing], levels };
}

/** Why a condition that asks for a certificate of the device could not be met. */
function lackOf(device: Judged): readonly Reason[] {
  if (device === undefined) return [{ code: 'device-missing' }];
  return 'refused' in device ? [{ code: 'device-refused', detail: device.refused }] : [];
}
