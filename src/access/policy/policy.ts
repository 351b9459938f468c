import { type Condition, type ConditionResource, compileCondition, isCondition } from './condition.ts';
import type { Facts, Read, Subject } from './facts.ts';
import { compileLevels, type LevelDeclaration, type Levels, levelName } from './level.ts';
import { type Member, parseMember } from './member.ts';
import { matches } from './member-match.ts';
import type { Reason } from './reason.ts';
import type { EdgeRole } from './role.ts';

export interface BindingDeclaration {
  /** `project/roleBinding/name`. */
  readonly key: string;
  readonly role: EdgeRole;
  readonly members: readonly string[];
  readonly condition?: { readonly title: string; readonly expression: string } | undefined;
  readonly backendService?: string | undefined;
  readonly instance?: string | undefined;
  readonly sslVpnServer?: string | undefined;
  readonly gateway?: string | undefined;
}

/** What is asked for: a role on a resource. */
export interface Target {
  readonly role: EdgeRole;
  /** Name of the backend service, of the host, of the SSL VPN server, or of the gateway or cluster. */
  readonly name: string;
  readonly resource: ConditionResource;
}

/** Yes or no, always with reasons. */
export interface PolicyDecision {
  readonly allowed: boolean;
  readonly reasons: readonly Reason[];
  /** Names of the access levels that are met, among those that this target's policy asks about. */
  readonly levels: readonly string[];
  /** The next instant (milliseconds) at which the passing of time may change it. */
  readonly until: number;
}

/** The policy of one target. */
export interface TargetPolicy {
  /** What a decision may depend on besides who asks: nothing, and it can be remembered for the session. */
  readonly reads: ReadonlySet<Read>;
  /** Whether somebody who has not signed in may be let in. */
  readonly admitsNobody: boolean;
  decide(subject: Subject, facts: Facts): PolicyDecision;
  /** Keys of all bindings that let somebody in; those of one role may differ in what they give. */
  allowing(subject: Subject, facts: Facts): readonly string[];
}

interface CompiledBinding extends BindingDeclaration {
  readonly parsed: readonly Member[];
  readonly when: Condition | 'always' | { readonly broken: string };
}

export interface Policy {
  forTarget(target: Target): TargetPolicy;
}

export function compilePolicy(
  bindings: readonly BindingDeclaration[],
  levelDeclarations: readonly LevelDeclaration[],
): Policy {
  const levels = compileLevels(levelDeclarations);
  const compiled = bindings.map((it): CompiledBinding => {
    const when = it.condition === undefined ? 'always' : compileCondition(it.condition.expression);
    return {
      ...it,
      parsed: it.members.flatMap((member) => parseMember(member) ?? []),
      when: when === 'always' || isCondition(when) ? when : { broken: when[0]?.message ?? 'it does not compile' },
    };
  });
  return {
    forTarget: (target) =>
      targetPolicy(
        target,
        compiled.filter((it) => concerns(it, target)),
        levels,
      ),
  };
}

/** A binding without a resource holds for the whole project. */
const concerns = (it: BindingDeclaration, { role, name }: Target): boolean => {
  const place = it[fields[role]];
  return it.role === role && (place === undefined || place === name);
};

/** What each role can be had on. */
const fields = {
  'roles/iap.httpsResourceAccessor': 'backendService',
  'roles/iap.tunnelResourceAccessor': 'instance',
  'roles/compute.osAdminLogin': 'instance',
  'roles/vpn.user': 'sslVpnServer',
  'roles/gateway.user': 'gateway',
} as const satisfies Readonly<Record<EdgeRole, keyof BindingDeclaration>>;

const isCompiled = (it: CompiledBinding['when']): it is Condition => typeof it === 'object' && 'evaluate' in it;

function targetPolicy(target: Target, bindings: readonly CompiledBinding[], levels: Levels): TargetPolicy {
  const conditions = bindings.map((it) => it.when).filter(isCompiled);
  const asked = [
    ...new Set(conditions.flatMap((it) => (it.levels === 'all' ? levels.names : [...it.levels].map(levelName)))),
  ].filter((it) => levels.readsOf(it) !== undefined);
  const reads = new Set<Read>([
    ...conditions.flatMap((it) => [...it.reads]),
    ...asked.flatMap((it) => [...(levels.readsOf(it) ?? [])]),
  ]);
  const situationOf = (subject: Subject, facts: Facts) => {
    const situation = { facts, resource: target.resource };
    const met = asked.filter((it) => levels.isMet(it, situation, subject));
    // Conditions may name a level by its short or by its full name.
    const known = [...met, ...conditions.flatMap((it) => fullNames(it, met))];
    return { met, evaluate: (condition: Condition) => condition.evaluate({ ...situation, levels: known }) };
  };
  return {
    reads,
    admitsNobody: bindings.some((it) => it.parsed.some((member) => member.type === 'allUsers')),
    decide: (subject, facts) => {
      const { met, evaluate } = situationOf(subject, facts);
      const until = Math.min(
        ...conditions.map((it) => it.nextChange(facts.time)),
        ...asked.map((it) => levels.nextChange(it, facts.time)),
        Number.POSITIVE_INFINITY,
      );
      const judged = judge(bindings, subject, evaluate);
      return { ...judged, reasons: [...judged.reasons, ...unmet(bindings, judged.reasons, met)], levels: met, until };
    },
    allowing(subject, facts) {
      const { evaluate } = situationOf(subject, facts);
      return bindings.flatMap((it) => (judge([it], subject, evaluate).allowed ? [it.key] : []));
    },
  };
}

/** Access levels that conditions which were not met ask for by name. */
function unmet(
  bindings: readonly CompiledBinding[],
  reasons: readonly Reason[],
  met: readonly string[],
): readonly Reason[] {
  const failed = new Set(reasons.filter((it) => it.code === 'condition-false').map((it) => it.subject));
  const asked = bindings.flatMap(({ key, when }) =>
    failed.has(key) && isCompiled(when) && when.levels !== 'all' ? [...when.levels].map(levelName) : [],
  );
  return [...new Set(asked)]
    .filter((it) => !met.includes(it))
    .map((subject) => ({ code: 'access-level-unmet' as const, subject }));
}

const fullNames = ({ levels }: Condition, met: readonly string[]): readonly string[] =>
  levels === 'all' ? [] : [...levels].filter((it) => it.includes('/') && met.includes(levelName(it)));

/** The first binding that names the subject and whose condition holds lets it in; else all that came near say why not. */
function judge(
  bindings: readonly CompiledBinding[],
  subject: Subject,
  evaluate: (condition: Condition) => ReturnType<Condition['evaluate']>,
): Pick<PolicyDecision, 'allowed' | 'reasons'> {
  const near: Reason[] = [];
  for (const { key, parsed, when, condition } of bindings) {
    if (!parsed.some((it) => matches(it, subject))) continue;
    const result = when === 'always' ? true : isCompiled(when) ? evaluate(when) : when;
    if (result === true) return { allowed: true, reasons: [{ code: 'binding-allows', subject: key }] };
    const title = condition?.title ?? '';
    near.push(
      result === false
        ? { code: 'condition-false', subject: key, detail: title }
        : { code: 'condition-broken', subject: key, detail: `${title}: ${result.broken}` },
    );
  }
  if (near.length > 0) return { allowed: false, reasons: near };
  return { allowed: false, reasons: [{ code: subject.kind === 'nobody' ? 'not-signed-in' : 'no-binding' }] };
}
