import { contains, parseAddress, prefix } from '#lib/ip.ts';
import { type Condition, type ConditionFault, compileCondition, isCondition, type Situation } from './condition.ts';
import type { DeviceCertificate, Read, Subject } from './facts.ts';
import { type Member, parseMember } from './member.ts';
import { matches } from './member-match.ts';
import { nextWindowChange, type TimeWindow, within } from './window.ts';

/** One condition of a basic access level: all of its parts that are there must hold. */
export interface LevelCondition {
  readonly ipSubnetworks: readonly string[];
  readonly times: readonly TimeWindow[];
  readonly signIn: readonly string[];
  readonly members: readonly string[];
  readonly requiredAccessLevels: readonly string[];
  /** Absent: any device, also one that shows no certificate. */
  readonly device?: DevicePolicy | undefined;
  readonly negate: boolean;
}

/** Which certificate a device must have shown. */
export interface DevicePolicy {
  /** Names of authorities, of which one must have issued it. */
  readonly authorities: readonly string[];
  /** What it may be called; empty: anything. */
  readonly commonNames: readonly string[];
}

export interface LevelDeclaration {
  readonly name: string;
  readonly combine: 'and' | 'or';
  readonly conditions: readonly LevelCondition[];
  /** In CEL; instead of conditions. */
  readonly expression?: string | undefined;
}

/** Access levels, compiled together: they may ask for each other. */
export interface Levels {
  readonly names: readonly string[];
  /** Undefined: there is no such level. */
  readsOf(name: string): ReadonlySet<Read> | undefined;
  isMet(name: string, situation: Omit<Situation, 'levels'>, subject: Subject): boolean;
  nextChange(name: string, now: number): number;
}

interface CompiledLevel {
  readonly declaration: LevelDeclaration;
  readonly custom: Condition | undefined;
  readonly conditions: readonly CompiledCondition[];
  /** Whether its expression does not compile: then it is never met. */
  readonly broken: boolean;
}

interface CompiledCondition extends Omit<LevelCondition, 'members' | 'ipSubnetworks'> {
  readonly ranges: readonly ReturnType<typeof prefix>[];
  readonly members: readonly Member[];
}

/** `accessPolicies/1/accessLevels/corp` and `corp` name the same level. */
export const levelName = (text: string): string => text.slice(text.lastIndexOf('/') + 1);

export function compileLevels(declarations: readonly LevelDeclaration[]): Levels {
  const levels = new Map(declarations.map((it) => [it.name, compiled(it)]));
  const requiredBy = ({ conditions, custom }: CompiledLevel): readonly string[] => [
    ...conditions.flatMap((it) => it.requiredAccessLevels),
    ...(custom === undefined ? [] : custom.levels === 'all' ? levels.keys() : [...custom.levels].map(levelName)),
  ];
  /** The level and all that it asks for, each once; a circle ends where it began. */
  const closure = (name: string, seen = new Map<string, CompiledLevel>()): Map<string, CompiledLevel> => {
    const level = levels.get(name);
    if (level === undefined || seen.has(name)) return seen;
    seen.set(name, level);
    for (const it of requiredBy(level)) closure(it, seen);
    return seen;
  };
  const isMet = (
    name: string,
    it: {
      readonly situation: Omit<Situation, 'levels'>;
      readonly subject: Subject;
      readonly asking: ReadonlySet<string>;
    },
  ): boolean => {
    const level = levels.get(name);
    // A level that asks for itself is never met.
    if (level === undefined || level.broken || it.asking.has(name)) return false;
    const inner = { ...it, asking: new Set([...it.asking, name]) };
    if (level.custom !== undefined) {
      const met = requiredBy(level).filter((other) => isMet(other, inner));
      return level.custom.evaluate({ ...it.situation, levels: met }) === true;
    }
    const holds = (condition: CompiledCondition): boolean =>
      (fits(condition, it.situation, it.subject) &&
        condition.requiredAccessLevels.every((other) => isMet(levelName(other), inner))) !== condition.negate;
    const { conditions, declaration } = level;
    if (conditions.length === 0) return false;
    return declaration.combine === 'and' ? conditions.every(holds) : conditions.some(holds);
  };
  return {
    names: [...levels.keys()],
    readsOf: (name) =>
      levels.has(name) ? new Set([...closure(name).values()].flatMap((it) => [...readsOf(it)])) : undefined,
    isMet: (name, situation, subject) => isMet(name, { situation, subject, asking: new Set() }),
    nextChange: (name, now) =>
      Math.min(Number.POSITIVE_INFINITY, ...[...closure(name).values()].map((it) => changeOf(it, now))),
  };
}

function compiled(declaration: LevelDeclaration): CompiledLevel {
  const custom = declaration.expression === undefined ? undefined : compileCondition(declaration.expression);
  return {
    declaration,
    custom: custom !== undefined && isCondition(custom) ? custom : undefined,
    broken: custom !== undefined && !isCondition(custom),
    conditions: declaration.conditions.map((it) => ({
      ...it,
      ranges: it.ipSubnetworks.map(prefix),
      members: it.members.flatMap((member) => parseMember(member) ?? []),
    })),
  };
}

function fits(it: CompiledCondition, { facts }: Omit<Situation, 'levels'>, subject: Subject): boolean {
  const address = parseAddress(facts.ip);
  return (
    (it.ranges.length === 0 || (address !== undefined && it.ranges.some((range) => contains(range, address)))) &&
    (it.times.length === 0 || it.times.some((window) => within(window, facts.time))) &&
    (it.signIn.length === 0 || it.signIn.some((method) => facts.methods.includes(method))) &&
    (it.members.length === 0 || it.members.some((member) => matches(member, subject))) &&
    (it.device === undefined || isOneOf(facts.device?.certificate, it.device))
  );
}

const isOneOf = (it: DeviceCertificate | undefined, { authorities, commonNames }: DevicePolicy): boolean =>
  it !== undefined &&
  authorities.includes(it.authority) &&
  (commonNames.length === 0 || commonNames.includes(it.commonName));

function* readsOf({ custom, conditions }: CompiledLevel): Iterable<Read> {
  if (custom !== undefined) yield* custom.reads;
  for (const it of conditions) {
    if (it.ranges.length > 0) yield 'ip';
    if (it.times.length > 0) yield 'time';
    if (it.signIn.length > 0) yield 'methods';
    if (it.device !== undefined) yield 'device';
  }
}

const changeOf = ({ custom, conditions }: CompiledLevel, now: number): number =>
  Math.min(
    custom?.nextChange(now) ?? Number.POSITIVE_INFINITY,
    ...conditions.flatMap((it) => it.times.map((window) => nextWindowChange(window, now))),
  );

/** What is wrong with a level's expression; none when it has none or it compiles. */
export function levelFaults(expression: string | undefined): readonly ConditionFault[] {
  const result = expression === undefined ? undefined : compileCondition(expression);
  return result === undefined || isCondition(result) ? [] : result;
}
