import type { LogEntry } from '#core/log.ts';
import { keyOf } from '#core/resource.ts';
import { instance } from '#kinds/instance/kind.ts';
import { auditEntry } from '../logs/entries/audit.ts';
import { AUTHOR, GroupKeeper, type KeeperParts } from './keeper.ts';
import { type LookParts, lookAt } from './look.ts';

export interface GroupsParts extends LookParts, Pick<KeeperParts, 'control' | 'host' | 'log' | 'patience'> {
  readonly control: LookParts['control'] & KeeperParts['control'];
  readonly operations: KeeperParts['operations'];
  readonly now: () => Date;
  readonly append: (entries: readonly LogEntry[]) => Promise<void>;
}

/** The keeper of all groups, in its place between control, host and logs. */
export function openGroups(parts: GroupsParts): GroupKeeper {
  const { control, now, log, append } = parts;
  let count = 0;
  return new GroupKeeper({
    ...parts,
    now: () => now().getTime(),
    look: lookAt(parts),
    sandboxOf: (project, name) => {
      const owner = keyOf({ project, kind: instance.kind, name });
      return control.artifacts.find((it) => it.engine === 'sandbox' && it.owners.includes(owner))?.id;
    },
    instancesOf: (project) => control.snapshot.all(instance, project).map((it) => it.name),
    audit: ({ project, group, method, member, reason }) => {
      count += 1;
      const entry = auditEntry({
        project,
        id: `group-${now().getTime()}-${count}`,
        at: now().toISOString(),
        principal: AUTHOR,
        service: 'vauban',
        method: `vauban.v1.instanceGroups.${method}`,
        resource: `projects/${project}/instanceGroups/${group}`,
        request: { instance: member, reason },
      });
      append([entry]).catch((error: unknown) => log('an audit entry was lost', { error: String(error) }));
    },
  });
}
