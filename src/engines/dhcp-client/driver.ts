import { readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineEngine } from '#core/engine.ts';
import type { Machine, ServiceSpec } from '#core/machine.ts';
import { execArgv } from '#engines/sandbox/exec.ts';
import { placeOf } from '#engines/sandbox/input.ts';
import { canonical } from '#lib/hash.ts';
import { DhcpClientInput, leaseFolder } from './input.ts';
import { leasedResolver, leaseOf } from './lease.ts';

/** A host that asks for its address: udhcpc on one interface, in the host's namespace, for as long as it is there. */
export const dhcpClientEngine = defineEngine<DhcpClientInput>({
  name: 'dhcp-client',
  input: DhcpClientInput,

  async apply(machine, wanted, held) {
    const { input } = wanted;
    const folder = leaseFolder(machine, input);
    const source = `${machine.home}/src/engines/dhcp-client/lease.sh`;
    await machine.writeFile(scriptOf(machine), await readFile(source, 'utf8'), 0o755);
    await machine.makeFolder(folder, { mode: 0o755, ...machine.users.dhcp });
    const anew = held === undefined ? !(await isLeased(machine, input)) : canonical(held.input) !== canonical(input);
    if (anew) {
      await machine.supervisor.remove(serviceOf(input));
      await rm(`${folder}/lease`, { force: true });
    }
    await machine.supervisor.ensure(toService(machine, input));
    // A host boots with its address when there is a server at all; without one it boots all the same.
    for (let tries = 0; tries < 100 && !(await isLeased(machine, input)); tries++) await sleep(100);
    await handIn(machine, input);
  },

  async remove(machine, { input }) {
    await machine.supervisor.remove(serviceOf(input));
    await rm(leaseFolder(machine, input), { recursive: true, force: true });
    await machine.exec(['ip', '-4', 'addr', 'flush', 'dev', input.interface], { namespace: input.namespace });
    await machine.exec(['rmdir', '--ignore-fail-on-non-empty', `${machine.run}/dhcp/${input.namespace}`]);
  },

  async observe(machine, { id, input }) {
    const status = await machine.supervisor.status(serviceOf(input));
    if (status?.up !== true) return { artifact: id, state: 'failed', detail: 'the DHCP client is down', values: {} };
    const lease = await leaseOf(machine, input);
    if (lease !== input.address) {
      const given = lease === undefined ? 'no DHCP server has given it an address yet' : `it was given ${lease}`;
      return {
        artifact: id,
        state: 'pending',
        detail: `${input.interface} asks for its address: ${given}`,
        values: {},
      };
    }
    await handIn(machine, input);
    if (await isLeased(machine, input)) return { artifact: id, state: 'ready', values: {} };
    return { artifact: id, state: 'failed', detail: `${input.interface} has lost ${lease}`, values: {} };
  },
});

const serviceOf = ({ namespace, interface: name }: DhcpClientInput): string => `dhcp.${namespace}.${name}`;
const scriptOf = (machine: Machine): string => `${machine.run}/dhcp/lease.sh`;

/** Whether it has the address that it shall have, by a lease and on its interface. */
async function isLeased(machine: Machine, input: DhcpClientInput): Promise<boolean> {
  if ((await leaseOf(machine, input)) !== input.address) return false;
  const argv = ['ip', '-4', '-o', 'addr', 'show', 'dev', input.interface];
  const { stdout } = await machine.exec(argv, { namespace: input.namespace });
  return stdout.includes(` inet ${input.address} `);
}

/** The names of the lease become the instance's. While it boots there is nothing to tell: it reads the file itself. */
async function handIn(machine: Machine, input: DhcpClientInput): Promise<void> {
  const { sandbox } = input;
  const names = sandbox === undefined ? undefined : await leasedResolver(machine, input);
  if (sandbox === undefined || names === undefined) return;
  const file = `${placeOf(machine, sandbox).bundle}/handed/resolv.conf`;
  const before = await readFile(file, 'utf8').catch(() => names);
  if (before === names) return;
  await machine.writeFile(file, names, 0o644);
  const copy = 'cmp -s /run/vauban/resolv.conf /etc/resolv.conf || cat /run/vauban/resolv.conf >/etc/resolv.conf';
  await machine.exec(execArgv(machine, sandbox, { argv: ['sh', '-c', copy] }), { timeout: 20_000 });
}

/** The rights of a client over its host's namespace; it has none over the machine. */
function confined({ users }: Machine): readonly string[] {
  const only = '-all,+net_admin,+net_raw,+net_bind_service';
  return [
    ...['setpriv', `--reuid=${users.dhcp.uid}`, `--regid=${users.dhcp.gid}`, '--clear-groups', '--no-new-privs'],
    ...['--inh-caps', only, '--ambient-caps', only, '--bounding-set', only],
  ];
}

const toService = (machine: Machine, input: DhcpClientInput): ServiceSpec => ({
  name: serviceOf(input),
  namespace: input.namespace,
  argv: [
    ...confined(machine),
    ...['udhcpc', '-f', '-i', input.interface, '-s', scriptOf(machine)],
    // Three questions two seconds apart, then again after five: a server that comes later is found soon.
    ...['-t', '3', '-T', '2', '-A', '5', '-x', `hostname:${input.hostname}`, '-O', 'search'],
  ],
  env: { VAUBAN_LEASE: leaseFolder(machine, input), VAUBAN_DEFAULT_ROUTE: input.defaultRoute ? '1' : '0' },
});
