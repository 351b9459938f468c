import type { Machine, SystemUsers } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { isSealed, unseal } from '#lib/seal.ts';
import { authorityIn } from './authority.ts';
import { run } from './exec.ts';
import { writeFile } from './files.ts';
import { s6Supervisor } from './supervisor.ts';

export interface MachineSetting {
  /** Short id of the deployment. */
  readonly deployment: string;
  readonly state: string;
  readonly run: string;
  readonly home: string;
  readonly users: SystemUsers;
  /** Opens sealed values; without it none can be opened. */
  readonly openingKey?: string;
  readonly progress: (text: string) => void;
}

export const namespaceOf = (deployment: string, name: string): string => `vb-${deployment}.${name}`;

function opened(value: string, key: string | undefined): string {
  if (!isSealed(value)) return value;
  try {
    return unseal(key ?? '', value);
  } catch (cause) {
    throw new Problem('ENGINE_FAILED', {
      at: 'sealed value',
      message: 'it cannot be opened here: it was sealed for another deployment',
      fix: 'Apply the site again with the secret itself.',
      cause,
    });
  }
}

/** This very machine, as engines may use it. */
export function thisMachine(setting: MachineSetting): Machine {
  const namespace = (name: string) => namespaceOf(setting.deployment, name);
  return {
    deployment: setting.deployment,
    state: setting.state,
    run: setting.run,
    home: setting.home,
    users: setting.users,
    supervisor: s6Supervisor({
      scan: `${setting.run}/scan`,
      definitions: `${setting.run}/services`,
      logs: `${setting.state}/logs`,
      namespace,
    }),
    authority: authorityIn(`${setting.state}/authority`, setting.deployment),
    exec: (argv, options = {}) => {
      const { namespace: inside, ...rest } = options;
      return run(
        inside === undefined ? argv : ['nsenter', `--net=/run/netns/${namespace(inside)}`, '--', ...argv],
        rest,
      );
    },
    writeFile,
    unseal: (value) => opened(value, setting.openingKey),
    namespace,
    progress: setting.progress,
  };
}
