import { Problem } from '#core/problem.ts';
import type { Door, MachineSeen } from './door.ts';
import type { Fleet } from './fleet.ts';
import type { DoorPlace, Members, Offer } from './members.ts';
import type { Placed } from './placed.ts';

/** A machine as the API shows it. */
export interface MachineEntry extends MachineSeen {
  /** What it was last seen to hold. */
  readonly revision?: number;
}

export interface Invited extends DoorPlace {
  readonly fingerprint: string;
  readonly expireTime: string;
}

/** What is done with machines that people ask for. */
export interface Machines {
  readonly list: () => readonly MachineEntry[];
  readonly invite: (offer: Offer, place: DoorPlace) => Promise<Invited>;
  /** Throws NOT_FOUND, or IN_USE without `force`. */
  readonly remove: (name: string, force: boolean) => void;
}

export interface MachinesParts {
  readonly door: Door;
  readonly fleet: Pick<Fleet, 'courseOf'>;
  readonly members: Members;
  readonly control: { readonly placed: Placed };
}

export const machinesOf = ({ door, fleet, members, control }: MachinesParts): Machines => ({
  list: () => door.seen().map((it) => ({ ...fleet.courseOf(it.name), ...it })),
  invite: async (offer, place) => {
    const at = await door.open(place);
    members.door = at;
    return { ...at, fingerprint: door.fingerprint, expireTime: members.offer(offer) };
  },
  remove: (name, force) => {
    if (!members.list().some((it) => it.name === name))
      throw new Problem('NOT_FOUND', {
        at: `machines/${name}`,
        message: 'it has not joined this deployment',
        fix: '`vauban machines list` shows those that have.',
      });
    if (control.placed.has(name) && !force)
      throw new Problem('IN_USE', {
        at: `machines/${name}`,
        message: `something of a site stands on ${name}`,
        fix: 'Let it stand on another machine first, or use --force: what stands there goes on until it leaves.',
      });
    members.remove(name);
    door.drop(name);
  },
});
