import { asProblem, Problem } from '#core/problem.ts';
import { keyOf, type ResourceKey } from '#core/resource.ts';
import { instance } from '#kinds/instance/kind.ts';
import { type InstanceGroup, instanceGroup } from '#kinds/instance-group/kind.ts';
import { paceWith, standstill } from '#kinds/instance-group/roll.ts';
import type { InstanceGroupAssigned, Roll } from '#kinds/instance-group/spec.ts';
import type { Control } from '../control.ts';
import type { Operation, Operations } from '../operations.ts';
import { Acting, type ActingParts } from './acting.ts';
import { deleted, Following, PATIENCE, superseded } from './following.ts';
import { type Begin, type Life, nextDeeds, type Standing, type Work, waitsFor } from './next.ts';
import { type Sight, serves } from './sight.ts';

/** Who makes the changes that keep groups as they should be. */
export const AUTHOR = 'instance-group-manager';

/** Milliseconds between two looks at a group that is as it should be. */
const REST = { checked: 2000, unchecked: 10_000 };

export interface KeeperParts extends Omit<ActingParts, 'choose'> {
  readonly control: Pick<Control, 'snapshot' | 'apply'>;
  readonly operations: Operations;
  /** What is seen of the members of a group; undefined: nothing is known just now. */
  readonly look: (group: InstanceGroup) => Promise<ReadonlyMap<string, Sight> | undefined>;
  readonly now: () => number;
  readonly patience?: number;
}

/** What is remembered of a group. It can be lost: what matters is in the group's own record. */
interface Memory {
  readonly lives: Map<string, Life>;
  readonly works: Map<string, Work>;
  sights: ReadonlyMap<string, Sight>;
  /** Hosts that were left out of service by a control that died are put back first. */
  settled: boolean;
  looked?: { readonly group: InstanceGroup; readonly at: number };
  /** The roll that somebody follows. */
  following?: Following | undefined;
}

/**
 * Keeps groups as they are declared: hosts that leave are drained first, changed templates are rolled out, hosts that do
 * not work are replaced. It decides anew at every look from what is declared and what is seen, so it goes on where a dead
 * one stopped.
 */
export class GroupKeeper {
  readonly #parts: KeeperParts;
  readonly #acting: Acting;
  readonly #memories = new Map<ResourceKey, Memory>();
  #turning: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#acting = new Acting({ ...parts, choose: (group, message, change) => this.#choose(group, message, change) });
  }

  /** Looks at every group and does what is next. One at a time. */
  async turn(): Promise<void> {
    if (this.#stopped) return;
    this.#turning ??= this.#turn().finally(() => {
      this.#turning = undefined;
    });
    return this.#turning;
  }

  /** Nothing new is begun from now on. */
  stop(): void {
    this.#stopped = true;
  }

  /** Instances of groups that do not serve, as far as is known. */
  unwell(): ReadonlySet<ResourceKey> {
    const found = new Set<ResourceKey>();
    for (const group of this.#parts.control.snapshot.all(instanceGroup)) {
      for (const [name, sight] of this.#memories.get(keyOf(group))?.sights ?? [])
        if (!serves(sight)) found.add(keyOf({ project: group.project, kind: instance.kind, name }));
    }
    return found;
  }

  standing(group: InstanceGroup): Standing {
    const { lives, works, sights } = this.#memory(group);
    return { group, lives, works, sights, now: this.#parts.now() };
  }

  /** Why the group is not stable; undefined: it is. */
  waits(group: InstanceGroup): string | undefined {
    return waitsFor(this.standing(group));
  }

  /** Begins to restart or replace every host. The operation ends when all of them have been through it. */
  async roll(group: InstanceGroup, roll: Omit<Roll, 'name'>, author: string): Promise<Operation> {
    const { operations, now } = this.#parts;
    const stuck = standstill(paceWith(group.spec, roll), roll.action);
    if (stuck !== undefined) throw new Problem('CONFLICTING', { at: `instanceGroups/${group.name}`, ...stuck });
    const name = `0/${new Date(now()).toISOString()}`;
    const verb = roll.action === 'RESTART' ? 'restart' : 'replace';
    await this.#choose(
      group,
      `${verb} the hosts of group ${group.name}`,
      (it) => ({ ...it, roll: { ...roll, name } }),
      author,
    );
    const memory = this.#memory(group);
    memory.following?.end(superseded(group));
    const operation = operations.begin(author);
    const { patience = PATIENCE } = this.#parts;
    memory.following = new Following({ operations, operation: operation.id, roll: name, patience });
    return operation;
  }

  #memory(group: InstanceGroup): Memory {
    const key = keyOf(group);
    const known = this.#memories.get(key);
    if (known !== undefined) return known;
    const fresh: Memory = { lives: new Map(), works: new Map(), sights: new Map(), settled: false };
    this.#memories.set(key, fresh);
    return fresh;
  }

  async #turn(): Promise<void> {
    const groups = this.#parts.control.snapshot.all(instanceGroup);
    const keys = new Set(groups.map((it) => keyOf(it)));
    for (const [key, memory] of this.#memories) {
      if (keys.has(key)) continue;
      memory.following?.end(deleted(key));
      this.#memories.delete(key);
    }
    for (const group of groups) {
      try {
        await this.#keep(group);
      } catch (error) {
        const problem = asProblem(error);
        // Somebody else's change is under way, or the machine does not answer: it is tried again at the next turn.
        if (problem.code !== 'CHANGE_IN_PROGRESS' && problem.code !== 'HOST_UNREACHABLE')
          this.#parts.log('a group cannot be kept', { group: keyOf(group), problem: problem.toJSON() });
      }
    }
  }

  async #keep(group: InstanceGroup): Promise<void> {
    const memory = this.#memory(group);
    if (this.#mayRest(group, memory)) return;
    const sights = await this.#parts.look(group);
    if (sights === undefined) return;
    memory.looked = { group, at: this.#parts.now() };
    memory.sights = sights;
    this.#remember(group, memory);
    if (!memory.settled) memory.settled = await this.#acting.putBack(group, sights, memory.works);
    for (const [member, work] of memory.works) await this.#goOn(group, memory, { member, work });
    const now = this.#current(group);
    if (now === undefined) return;
    for (const begin of nextDeeds(this.standing(now))) await this.#begin(now, memory, begin);
    if (memory.following?.tell(this.standing(now)) === true) memory.following = undefined;
  }

  /** A group that is as it should be, and that nobody has changed, is not looked at all the time. */
  #mayRest(group: InstanceGroup, { looked, following, settled }: Memory): boolean {
    if (!settled || following !== undefined || looked?.group !== group || this.waits(group) !== undefined) return false;
    const rest = group.spec.autoHealingPolicy === undefined ? REST.unchecked : REST.checked;
    return this.#parts.now() - looked.at < rest;
  }

  #current = (group: InstanceGroup): InstanceGroup | undefined =>
    this.#parts.control.snapshot.find(instanceGroup, group.project, group.name);

  /** What is seen now, joined with what was seen before. */
  #remember(group: InstanceGroup, { lives, works, sights }: Memory): void {
    const now = this.#parts.now();
    const names = new Set(group.assigned.members.map((it) => it.name));
    for (const known of [lives, works]) for (const name of known.keys()) if (!names.has(name)) known.delete(name);
    for (const name of names) {
      const sight = sights.get(name);
      if (sight === undefined) continue;
      const { servingSince, healing, ...life } = lives.get(name) ?? { begun: now };
      const work = works.get(name);
      // What was seen before it was asked anew is about the host that it was before.
      const out = work?.phase === 'boot' || (work?.phase === 'return' && sight.at <= work.since) || !serves(sight);
      lives.set(name, {
        ...life,
        ...(out ? (healing === true ? { healing } : {}) : { servingSince: servingSince ?? now }),
      });
    }
  }

  async #begin(group: InstanceGroup, memory: Memory, { member, deed, reason }: Begin): Promise<void> {
    const { log, now } = this.#parts;
    if (deed === 'SURGE') {
      await this.#joined(group, memory, { change: () => this.#acting.surge(group, member) });
      return;
    }
    const told = reason === undefined ? {} : { reason };
    memory.works.set(member, { deed, phase: 'drain', since: now(), ...told });
    log('a host of a group is taken out of service', { group: keyOf(group), member, deed, ...told });
    const work = memory.works.get(member);
    if (work !== undefined) await this.#goOn(group, memory, { member, work });
  }

  /** One step further with one host, when it is time for it. */
  async #goOn(
    group: InstanceGroup,
    memory: Memory,
    { member, work }: { readonly member: string; readonly work: Work },
  ): Promise<void> {
    const sight = memory.sights.get(member);
    const life = memory.lives.get(member);
    if (work.phase === 'drain' && work.told !== true) {
      await this.#acting.drain(group, sight);
      const told: Work = { ...work, told: true, since: this.#parts.now() };
      memory.works.set(member, told);
      if (!(sight?.servers ?? []).some((it) => it.serving)) await this.#goOn(group, memory, { member, work: told });
    } else if (work.phase === 'drain') {
      if (!this.#acting.isDrained(sight, work)) return;
      if (work.deed === 'RESTART') {
        const boot = sight?.boot;
        await this.#acting.restart(group, member);
        const begun = this.#parts.now();
        memory.works.set(member, { ...work, phase: 'boot', since: begun, ...(boot === undefined ? {} : { boot }) });
        memory.lives.set(member, { begun });
      } else await this.#leave(group, memory, { member, work });
    } else if (work.phase === 'boot') {
      if (sight === undefined || !sight.running || (sight.boot === work.boot && work.boot !== undefined)) return;
      await this.#acting.restarted(group, member, sight);
      memory.works.set(member, { ...work, phase: 'return', since: this.#parts.now() });
    } else if (life?.servingSince !== undefined) {
      memory.works.delete(member);
    }
  }

  async #leave(
    group: InstanceGroup,
    memory: Memory,
    { member, work }: { readonly member: string; readonly work: Work },
  ): Promise<void> {
    await this.#joined(group, memory, {
      change: () => this.#acting.remove(group, member, work),
      ...(work.deed === 'HEAL' ? { healing: true } : {}),
    });
    memory.works.delete(member);
    memory.lives.delete(member);
  }

  /** Makes a change of members; the lives of those who have come with it begin now. */
  async #joined(
    group: InstanceGroup,
    { lives }: Memory,
    { change, healing }: { readonly change: () => Promise<void>; readonly healing?: true },
  ): Promise<void> {
    const before = new Set(this.#current(group)?.assigned.members.map((it) => it.name));
    await change();
    for (const { name } of this.#current(group)?.assigned.members ?? []) {
      if (before.has(name)) continue;
      lives.set(name, { begun: this.#parts.now(), ...(healing === true ? { healing } : {}) });
    }
  }

  /** Changes what is written down of a group, and waits until the machine holds what that means. */
  async #choose(
    { project, name }: Pick<InstanceGroup, 'project' | 'name'>,
    message: string,
    change: (group: InstanceGroupAssigned, whole: InstanceGroup) => InstanceGroupAssigned,
    author = AUTHOR,
  ): Promise<void> {
    const { control, operations } = this.#parts;
    const { operation, done } = await control.apply(
      {
        type: 'choose',
        project,
        kind: instanceGroup,
        name,
        choose: (it) => change(it.assigned as InstanceGroupAssigned, it as InstanceGroup),
      },
      { author, message },
    );
    await done;
    const { problem } = operations.get(operation.id) ?? {};
    if (problem !== undefined) throw Problem.from(problem);
  }
}
