import { hkdfSync } from 'node:crypto';
import type { Machine, SystemUsers } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { isSealed, unseal } from '#lib/seal.ts';
import { authorityIn } from './authority.ts';
import { run } from './exec.ts';
import { makeFolder, writeFile } from './files.ts';
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

function opened(value: string, { key, place }: { readonly key: string | undefined; readonly place: string }): string {
  if (!isSealed(value)) return value;
  try {
    return unseal(key ?? '', value, place);
  } catch (cause) {
    throw new Problem('ENGINE_FAILED', {
      at: place,
      message: 'the sealed value cannot be opened here: it was sealed for another deployment, or for another field',
      fix: 'Apply the site again with the secret itself.',
      cause,
    });
  }
}

function derived(key: string | undefined, purpose: string): string {
  if (key === undefined) {
    throw new Problem('ENGINE_FAILED', {
      at: purpose,
      message: 'this machine has not the key that the machines of a deployment share',
      fix: 'Bring it in again: `vauban machines token` on the first machine, `vauban machines join` here.',
    });
  }
  return Buffer.from(hkdfSync('sha256', key, '', `vauban ${purpose}`, 32)).toString('base64url');
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
    makeFolder,
    unseal: (value, place) => opened(value, { key: setting.openingKey, place }),
    derived: (purpose) => derived(setting.openingKey, purpose),
    namespace,
    progress: setting.progress,
  };
}
