import type { Machine, ServiceSpec } from '#core/machine.ts';
import { compiledCode } from '../compiled.ts';
import { clusterPaths } from '../keepalived/paths.ts';
import { openvpnServices } from './assemble.ts';
import type { Stale } from './files.ts';
import type { OpenvpnInput } from './input.ts';
import type { OpenvpnPaths } from './paths.ts';

/** Heap and nursery of our service in MiB. */
const small = ['--max-old-space-size=96', '--max-semi-space-size=2'];

/** As the service's user, with one right of root's and no way to another. */
const withRight = (machine: Machine, right: string): readonly string[] => {
  const { uid, gid } = machine.users.vpn;
  return [
    ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', `--bounding-set=-all,+${right}`],
    ...[`--inh-caps=-all,+${right}`, `--ambient-caps=-all,+${right}`, '--no-new-privs'],
  ];
};

export async function runAll(
  machine: Machine,
  input: OpenvpnInput,
  { paths, stale }: { readonly paths: OpenvpnPaths; readonly stale: Stale },
): Promise<void> {
  const { namespace } = input;
  const role = input.whileActive ? { whileActive: clusterPaths(machine, namespace).role } : {};
  for (const { transport } of input.listeners) {
    const spec: ServiceSpec = {
      ...{ name: `openvpn.${namespace}.${transport}`, namespace, ...role },
      argv: [...withRight(machine, 'net_bind_service'), 'openvpn', '--config', paths.config(transport)],
    };
    const before = await machine.supervisor.status(spec.name);
    await machine.supervisor.ensure(spec);
    // Started anew it knows what has changed; clients come back by themselves, with their tokens.
    if (before?.up === true && stale.transports.has(transport)) await machine.supervisor.signal(spec.name, 'TERM');
  }
  await machine.supervisor.ensure({
    ...{ name: `vpn.${namespace}`, namespace, ...role },
    argv: [
      ...withRight(machine, 'net_admin'),
      process.execPath,
      ...small,
      `${machine.home}/src/main/vpn.ts`,
      paths.input,
    ],
    env: compiledCode(),
    log: paths.log,
  });
}

/** A transport that is wanted no longer. */
export async function stopOthers(machine: Machine, { namespace, listeners }: OpenvpnInput): Promise<void> {
  for (const it of ['udp', 'tcp'] as const) {
    if (!listeners.some((one) => one.transport === it)) await machine.supervisor.remove(`openvpn.${namespace}.${it}`);
  }
}

export async function stopAll(machine: Machine, { namespace }: OpenvpnInput): Promise<void> {
  for (const it of openvpnServices(namespace, ['udp', 'tcp'])) await machine.supervisor.remove(it);
}
