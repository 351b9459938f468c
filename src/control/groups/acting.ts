import type { HostLink } from '#core/host.ts';
import { asProblem, Problem } from '#core/problem.ts';
import { keyOf } from '#core/resource.ts';
import type { InstanceGroup } from '#kinds/instance-group/kind.ts';
import { replaced, surged } from '#kinds/instance-group/members.ts';
import type { InstanceGroupAssigned, Member } from '#kinds/instance-group/spec.ts';
import type { Work } from './next.ts';
import type { Sight } from './sight.ts';

export interface ActingParts {
  readonly host: Pick<HostLink, 'steer' | 'reset'>;
  readonly now: () => number;
  readonly log: (text: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** The artifact that runs an instance. */
  readonly sandboxOf: (project: string, instance: string) => string | undefined;
  /** Names of instances of a project. */
  readonly instancesOf: (project: string) => readonly string[];
  /** Tells the audit log what was done and why. */
  readonly audit: (deed: {
    readonly project: string;
    readonly group: string;
    readonly method: string;
    readonly member: string;
    readonly reason: string;
  }) => void;
  readonly choose: (
    group: Pick<InstanceGroup, 'project' | 'name'>,
    message: string,
    change: (assigned: InstanceGroupAssigned, group: InstanceGroup) => InstanceGroupAssigned,
  ) => Promise<void>;
}

/** What is done to one host of a group. */
export class Acting {
  readonly #parts: ActingParts;

  constructor(parts: ActingParts) {
    this.#parts = parts;
  }

  /** It gets nothing new from load balancers; what it is doing it may finish. */
  async drain(_group: InstanceGroup, sight: Sight | undefined): Promise<void> {
    await this.#steer(sight, 'drain');
  }

  async serve(_group: InstanceGroup, sight: Sight | undefined): Promise<void> {
    await this.#steer(sight, 'ready');
  }

  /** `down`: what was found out about it before is forgotten; it must answer before it gets anything. */
  async #steer(sight: Sight | undefined, state: 'drain' | 'ready' | 'down'): Promise<void> {
    for (const { artifact, part, serving, health } of sight?.servers ?? []) {
      if (!serving && (state !== 'down' || health === undefined)) continue;
      await this.#parts.host.steer({ artifact, part, state }).catch((error: unknown) => {
        // A load balancer that is not there, or does not know the host, leads nothing to it.
        if (asProblem(error).code !== 'NOT_FOUND') throw error;
      });
    }
  }

  isDrained(sight: Sight | undefined, work: Work): boolean {
    const waited = this.#parts.now() - work.since;
    const isNew = (sight?.at ?? 0) > work.since;
    return (sight?.servers ?? []).every((it) => !it.serving || waited >= it.patience || (isNew && it.sessions === 0));
  }

  /** After a control that died nobody knows which hosts it had taken out of service: all are put back. */
  async putBack(
    group: InstanceGroup,
    sights: ReadonlyMap<string, Sight>,
    works: ReadonlyMap<string, Work>,
  ): Promise<boolean> {
    for (const { name, leaving } of group.assigned.members)
      if (leaving !== true && !works.has(name)) await this.serve(group, sights.get(name));
    return true;
  }

  /** Gives it what a restart can give it of its group's template, then restarts it. */
  async restart(group: InstanceGroup, member: string): Promise<void> {
    const { choose, host, sandboxOf } = this.#parts;
    const now = group.assigned.members.find((it) => it.name === member);
    if (now !== undefined && now.version !== group.assigned.version) {
      // It is marked until it has booted: after a death here it is restarted again.
      await choose(group, `${member} of group ${group.name} gets the new template`, (assigned) => ({
        ...assigned,
        members: assigned.members.map((it) =>
          it.name === member ? { ...it, version: assigned.version, restarting: true } : it,
        ),
      }));
    }
    const artifact = sandboxOf(group.project, member);
    if (artifact === undefined) {
      throw new Problem('UNMET', {
        at: keyOf({ project: group.project, kind: 'instance', name: member }),
        message: 'it does not run on any machine',
        fix: '`vauban checks` shows what is wrong.',
      });
    }
    await host.reset(artifact);
  }

  /** It has booted: it has been through what was asked for, and gets requests again as soon as it answers its check. */
  async restarted(group: InstanceGroup, member: string, sight: Sight | undefined): Promise<void> {
    await this.#steer(sight, 'down');
    await this.#parts.choose(group, `${member} of group ${group.name} was restarted`, (assigned) => ({
      ...assigned,
      members: assigned.members.map((it) => (it.name === member ? through(it, assigned) : it)),
    }));
  }

  /** Makes another host beside it, which takes its place once it serves. */
  async surge(group: InstanceGroup, member: string): Promise<void> {
    const { project, name } = group;
    await this.#parts.choose(group, `group ${name} makes a host to replace ${member}`, (assigned, { spec }) => {
      const taken = new Set(this.#parts.instancesOf(project));
      return surged(assigned, { project, name, spec, taken }, { member, version: assigned.version });
    });
    this.#parts.audit({ project, group: name, method: 'surgeInstance', member, reason: 'the group is updated' });
  }

  /** Deletes it; unless it is not wanted any more, another host takes its place in the same step. */
  async remove(group: InstanceGroup, member: string, { deed, reason }: Work): Promise<void> {
    const { project, name } = group;
    const why = reason ?? (deed === 'REMOVE' ? 'the group has one host less' : 'the group is updated');
    const verb = deed === 'REMOVE' ? 'deletes' : deed === 'HEAL' ? 'recreates' : 'replaces';
    await this.#parts.choose(group, `group ${name} ${verb} ${member}: ${why}`, (assigned, whole) => {
      const old = assigned.members.find((it) => it.name === member);
      if (old === undefined) return assigned;
      if (deed === 'REMOVE') return { ...assigned, members: assigned.members.filter((it) => it !== old) };
      const taken = new Set(this.#parts.instancesOf(project));
      const version = deed === 'HEAL' ? old.version : assigned.version;
      return replaced(assigned, { project, name, spec: whole.spec, taken }, { member, version });
    });
    this.#parts.audit({ project, group: name, method: `${deed.toLowerCase()}Instance`, member, reason: why });
  }
}

const through = ({ restarting: _, roll: __, ...member }: Member, { roll }: InstanceGroupAssigned): Member =>
  roll === undefined ? member : { ...member, roll: roll.name };
