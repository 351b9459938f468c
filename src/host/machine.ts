import type { Machine } from '#core/machine.ts';
import { run } from './exec.ts';
import { writeFile } from './files.ts';
import { s6Supervisor } from './supervisor.ts';

export interface MachineSetting {
  /** Short id of the deployment. */
  readonly deployment: string;
  readonly state: string;
  readonly run: string;
  readonly home: string;
  readonly control: { readonly uid: number; readonly gid: number };
  readonly progress: (text: string) => void;
}

export const namespaceOf = (deployment: string, name: string): string => `vb-${deployment}.${name}`;

/** This very machine, as engines may use it. */
export function thisMachine(setting: MachineSetting): Machine {
  const namespace = (name: string) => namespaceOf(setting.deployment, name);
  return {
    deployment: setting.deployment,
    state: setting.state,
    run: setting.run,
    home: setting.home,
    users: { control: setting.control },
    supervisor: s6Supervisor({
      scan: `${setting.run}/scan`,
      definitions: `${setting.run}/services`,
      logs: `${setting.state}/logs`,
      namespace,
    }),
    exec: (argv, options = {}) => {
      const { namespace: inside, ...rest } = options;
      return run(
        inside === undefined ? argv : ['nsenter', `--net=/run/netns/${namespace(inside)}`, '--', ...argv],
        rest,
      );
    },
    writeFile,
    namespace,
    progress: setting.progress,
  };
}
