import { once } from 'node:events';
import { rmSync } from 'node:fs';
import type { Read } from '#access/policy/facts.ts';
import { flags } from '#access/policy/flags.ts';
import type { EdgeInput } from '#engines/edge/input.ts';
import { canonical } from '#lib/hash.ts';
import { type Devices, type Judged, noDevices } from '../devices/devices.ts';
import type { Edge, EdgePart } from '../edge.ts';
import { deniedPage } from '../pages/denied.ts';
import { pageHeaders } from '../pages/page.ts';
import { type DecideParts, type Decision, decide, type ServicePolicies, servicePolicies } from './decide.ts';
import type { KeyRing } from './keys.ts';
import { Memory, type MemoryPlaces } from './memory.ts';
import { type Answer, type Question, questionOf, shapeOf } from './question.ts';
import { Refusals } from './refusals.ts';
import { RunningRequests } from './running.ts';
import { Workers } from './runtime/workers.ts';
import { spoeAgent } from './spoe/agent.ts';
import type { Message, SetVariable } from './spoe/frame.ts';
import { assertionFor } from './token-test.ts';

/** Milliseconds: between two looks at the clock, and how far it may go backwards before that counts as a step. */
const TICK = 1000;
const STEP = 2000;
/** Ticks between two looks for tokens that nothing runs with any more. */
const PRUNE = 60;

export interface DecisionPart extends EdgePart {
  readonly refusals: Refusals;
}

/** The part that decides for HAProxy, and takes decisions back. */
export async function startDecision(
  edge: Edge,
  keys: KeyRing,
  places: MemoryPlaces,
  devices: Devices = noDevices,
): Promise<DecisionPart> {
  const deciding = new Deciding(edge, { keys, places, devices });
  await deciding.listen();
  return {
    refusals: deciding.refusals,
    counters: () => deciding.counters(),
    stop: () => deciding.stop(),
  };
}

class Deciding {
  readonly refusals = new Refusals();
  readonly #edge: Edge;
  readonly #keys: KeyRing;
  readonly #devices: Devices;
  readonly #workers: Workers;
  readonly #memory: Memory;
  readonly #running: RunningRequests;
  readonly #server: ReturnType<typeof spoeAgent>;
  readonly #stops: (() => void)[] = [];
  #policies: ServicePolicies;
  readonly #counts = { decisions: 0, allowed: 0, refused: 0, faults: 0 };

  constructor(
    edge: Edge,
    { keys, places, devices }: { readonly keys: KeyRing; readonly places: MemoryPlaces; readonly devices: Devices },
  ) {
    this.#edge = edge;
    this.#keys = keys;
    this.#devices = devices;
    this.#policies = servicePolicies(edge.input());
    const onFault = (message: string): void => {
      this.#counts.faults += 1;
      edge.log('fault', { at: 'decision', message });
    };
    this.#workers = new Workers({
      socket: edge.paths.runtime,
      onWorker: (run) => {
        this.#memory.greet(run);
        // What was taken back while nobody was connected.
        this.#endRefused(() => true);
      },
      onFault,
    });
    this.#memory = new Memory({ pusher: this.#workers, places, now: edge.now });
    this.#running = new RunningRequests({
      ...{ workers: this.#workers, table: places.running },
      isOver: async (it) => (await decide(it, this.#parts())).verdict !== 'allow',
    });
    this.#server = spoeAgent({
      answer: (message) => this.#answer(message),
      onEngine: () => this.#workers.look(),
      onFault,
    });
    for (const it of edge.input().services) this.#memory.renew(it.name, this.#flagsOf(it.name));
    this.#follow();
  }

  async listen(): Promise<void> {
    rmSync(this.#edge.paths.spoe, { force: true });
    this.#server.listen(this.#edge.paths.spoe);
    await once(this.#server, 'listening');
  }

  counters(): Readonly<Record<string, number>> {
    return {
      ...this.#counts,
      workers: this.#workers.count,
      running: this.#running.count,
      sessions: this.#edge.sessions.count(),
    };
  }

  async stop(): Promise<void> {
    for (const it of this.#stops) it();
    this.#workers.stop();
    this.#server.close();
  }

  /** Everything that may change a decision that was made. */
  #follow(): void {
    const edge = this.#edge;
    edge.onInput((input, before) => this.#takeInput(input, before));
    this.#stops.push(
      edge.sessions.onRevoked((ended) => {
        const gone = new Set(ended.map((it) => it.key));
        this.#memory.forget(gone);
        this.#report(this.#running.endSessions(gone));
      }),
      edge.people.onChange(({ email }) => {
        if (email === undefined) this.#renewAll();
        else this.#forgetPerson(email);
      }),
      this.#devices.onChange(() => this.#renewAll((it) => it.has('device'))),
      this.#keepTime(),
    );
  }

  /** The policy first, the epochs second: what is asked under a new epoch is always judged by the new policy. */
  #takeInput(input: EdgeInput, before: EdgeInput): void {
    const former = this.#policies;
    this.#policies = servicePolicies(input);
    const shared = canonical(sharedParts(input)) !== canonical(sharedParts(before));
    const touched = new Set<string>();
    for (const { name } of input.services) {
      if (!shared && this.#memory.services.includes(name) && sameFor(name, input, before)) continue;
      touched.add(name);
      this.#memory.renew(name, this.#flagsOf(name));
    }
    for (const { name } of former.input.services) {
      if (this.#policies.of(name) !== undefined) continue;
      touched.add(name);
      this.#memory.drop(name);
    }
    this.#endRefused((it) => touched.has(it.service));
  }

  /** `concerned`: of services whose policy reads such things only. */
  #renewAll(concerned: (reads: ReadonlySet<Read>) => boolean = () => true): void {
    const { input, of } = this.#policies;
    const names = input.services.map((it) => it.name).filter((it) => concerned(of(it)?.policy.reads ?? new Set()));
    for (const name of names) this.#memory.renew(name, this.#flagsOf(name));
    this.#endRefused((it) => names.includes(it.service));
  }

  #forgetPerson(email: string): void {
    const address = email.toLowerCase();
    const sessions = this.#edge.sessions.list({ email: address }).map((it) => it.key);
    const keys = new Set([...sessions, ...this.#memory.credentialsOf(address)]);
    this.#memory.forget(keys);
    this.#endRefused((it) => keys.has(it.credential));
  }

  #endRefused(concerns: (question: Question) => boolean): void {
    this.#report(this.#running.endRefused(concerns));
  }

  #report(work: Promise<void>): void {
    work.catch((error: unknown) => this.#edge.log('fault', { at: 'running', message: String(error) }));
  }

  #parts(): DecideParts {
    const { sessions, people, issuers, now } = this.#edge;
    return { policies: this.#policies, sessions, people, issuers, devices: this.#devices, now };
  }

  /** What HAProxy must know of a service's policy at once. */
  #flagsOf(name: string): string {
    const found = this.#policies.of(name);
    if (found === undefined) return '';
    const { service, policy } = found;
    const address = isParticular(policy.reads);
    return [
      ...(policy.admitsNobody ? [flags.anybody] : []),
      ...(service.allowHttpOptions ? [flags.options] : []),
      ...(policy.reads.has('path') ? [flags.path] : address ? [flags.address] : []),
    ].join('');
  }

  /**
   * A clock that goes backwards would lengthen what HAProxy remembers, and every session. One that goes forwards shortens
   * both, as time does while the machine sleeps.
   */
  #keepTime(): () => void {
    let last = { wall: this.#edge.now(), steady: performance.now() };
    let ticks = 0;
    const timer = setInterval(() => {
      const next = { wall: this.#edge.now(), steady: performance.now() };
      const gone = next.wall - last.wall - (next.steady - last.steady);
      last = next;
      if (gone < -STEP) {
        this.#edge.log('clock', { message: `the clock went back ${Math.round(-gone / 1000)} s`, effect: 'asked anew' });
        // What was to last an hour more lasts an hour more, by whatever clock.
        this.#edge.sessions.age(Math.ceil(-gone / 1000));
        this.#memory.clear();
        this.#renewAll();
      }
      this.#memory.tick();
      this.#report(this.#running.look());
      if (++ticks % PRUNE === 0) void this.#running.prune().catch(() => {});
      if (this.#memory.isSweepDue) void this.#memory.sweep((it) => this.#workers.run(it)).catch(() => {});
    }, TICK);
    return () => clearInterval(timer);
  }

  async #answer({ name, args }: Message): Promise<readonly SetVariable[]> {
    if (name !== 'decide') return [];
    const began = performance.now();
    const question = questionOf(args);
    const begun = this.#memory.begin();
    const decision = await decide(question, this.#parts());
    // It may have ended while groups were looked up.
    const ended = decision.who?.session !== undefined && this.#edge.sessions.findKey(question.credential) === undefined;
    const final: Decision = ended
      ? { ...decision, verdict: 'login', reasons: [{ code: 'session-unknown' }] }
      : decision;
    const answer = this.#answerTo(question, final, begun);
    this.#note(question, final, performance.now() - began);
    return variablesOf(answer);
  }

  #answerTo(question: Question, decision: Decision, begun: number): Answer {
    const { verdict, reasons, who } = decision;
    const reason = reasons[0]?.code ?? '';
    if (verdict === 'unauthorized') return { verdict, reason, error: reason };
    if (verdict === 'login') return { verdict, reason };
    const email = who?.subject.email;
    if (verdict === 'deny') {
      return { verdict, reason, ...(email === undefined ? {} : { email }), page: this.#pageOf(question, decision) };
    }
    if (who === undefined || email === undefined) return { verdict, reason };
    const { number } = this.#policies.input.project;
    const claims = {
      ...{ subject: who.id, email, audience: decision.audience },
      ...(who.subject.domain === undefined ? {} : { domain: who.subject.domain }),
      levels: decision.levels.map((it) => `accessPolicies/${number}/accessLevels/${it}`),
    };
    const { assertion, isTest } = assertionFor(this.#keys, claims, { url: question.url, now: this.#edge.now() });
    this.#running.asked(question);
    if (!question.lasting && !isTest && assertion !== undefined)
      this.#remember(question, decision, { email, id: who.id, begun, assertion });
    const strip =
      question.kind === 'authorization' || question.kind === 'proxyAuthorization' ? question.kind : undefined;
    return {
      ...{ verdict, reason, email, subject: who.id },
      ...(assertion === undefined ? {} : { assertion }),
      ...(strip === undefined ? {} : { strip }),
    };
  }

  #remember(
    question: Question,
    decision: Decision,
    it: { readonly email: string; readonly id: string; readonly begun: number; readonly assertion: string },
  ): void {
    const reads = this.#policies.of(question.service)?.policy.reads;
    const shape = shapeOf(question.epoch);
    // HAProxy may still go by the former flags: then what it would remember counts for too much.
    const suffices =
      reads !== undefined &&
      (shape === 'path' || (!reads.has('path') && (shape === 'address' || !isParticular(reads))));
    if (!suffices || question.credential === 'anonymous') return;
    const { credential, epoch, extra } = question;
    this.#memory.remember({ ...it, credential, epoch, shape, extra, until: decision.until });
  }

  #pageOf(question: Question, { who, reasons }: Decision): string {
    const { consent } = this.#policies.input;
    return deniedPage({
      email: who?.subject.email,
      service: question.service,
      reasons,
      requestId: question.requestId,
      application: consent?.applicationName,
      support: consent?.supportEmail,
    });
  }

  #note(question: Question, { verdict, reasons, who, levels, device }: Decision, milliseconds: number): void {
    this.#counts.decisions += 1;
    if (verdict === 'allow') this.#counts.allowed += 1;
    else this.#counts.refused += 1;
    const { requestId, service, host, method, url, source } = question;
    const entry = {
      ...{ requestId, verdict, service, host, method, url: url.slice(0, 2048), client: source },
      ...(who === undefined ? {} : { principal: who.subject.email }),
      ...(device === undefined ? {} : { device: toldOf(device) }),
      ...{ reasons, levels, milliseconds: Math.round(milliseconds * 1000) / 1000 },
    };
    if (verdict !== 'allow') this.refusals.add(requestId, entry);
    this.#edge.log('decision', entry);
  }
}

/** Whether what is remembered counts for one host, address and device only: HAProxy has all three in the key. */
const isParticular = (reads: ReadonlySet<Read>): boolean =>
  (['ip', 'host', 'device'] as const).some((it) => reads.has(it));

/** What the log tells of a device. */
const toldOf = (device: NonNullable<Judged>): object => ('certificate' in device ? device.certificate : device);

/** What every service's decisions depend on. */
const sharedParts = ({ accessLevels, clients, serviceAccounts, providers, project, deviceAuthorities }: EdgeInput) => [
  ...[accessLevels, clients, serviceAccounts, providers, project, deviceAuthorities],
];

/** Whether the same is said about a service. */
function sameFor(name: string, input: EdgeInput, before: EdgeInput): boolean {
  const said = (it: EdgeInput): string =>
    canonical([
      it.services.find((service) => service.name === name),
      it.bindings.filter((binding) => binding.backendService === undefined || binding.backendService === name),
    ]);
  return said(input) === said(before);
}

/** The variables that HAProxy's rules look at; what is not set there is not found. */
function variablesOf(answer: Answer): readonly SetVariable[] {
  const policy = answer.page === undefined ? {} : { policy: pageHeaders['content-security-policy'] };
  return Object.entries({ ...answer, ...policy }).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value }],
  );
}
