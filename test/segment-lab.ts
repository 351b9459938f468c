import { rm, writeFile } from 'node:fs/promises';
import type { RunResult } from '#core/machine.ts';
import type { TestDeployment } from './deployment.ts';
import { inNamespace, type TestMachine } from './machine.ts';

/** A host that no site knows, with a cable into a segment: what a person plugs into a switch. */
export interface Stranger {
  readonly mac: string;
  /** Its namespace, as the machine knows it. */
  readonly namespace: string;
  /** Runs a program in its namespace that must succeed; gives its standard output. */
  sh(command: string): Promise<string>;
  /** The same, and it may fail. */
  run(command: string): Promise<RunResult>;
  /** What a stock DHCP client (ISC's) gets, by the names of its options; undefined when it gets nothing. */
  lease(hostname: string): Promise<Readonly<Record<string, string>> | undefined>;
  /** Runs a Python program; gives what it printed. */
  python(program: string): Promise<string>;
}

let count = 0;

/** Plugs one in. The cable goes with the test's machine. */
export async function plugIn(
  machine: TestMachine,
  lab: TestDeployment,
  at: { readonly segment: string; readonly mac?: string },
): Promise<Stranger> {
  count += 1;
  const name = `stranger${count}`;
  const mac = at.mac ?? `52:54:00:00:01:${count.toString(16).padStart(2, '0')}`;
  const segment = `vb-${lab.deployment.id}.seg.${at.segment}`;
  await machine.addNamespace(name);
  const inside = { namespace: name };
  await machine.sh(
    `ip link add eth0 netns ${machine.namespace(name)} address ${mac} type veth peer name s${count} netns ${segment}`,
  );
  for (const words of [`link set s${count} master br0`, `link set s${count} up`])
    await machine.exec(inNamespace(segment, ['ip', ...words.split(' ')]));
  await machine.sh('ip link set eth0 up', inside);
  return {
    mac,
    namespace: name,
    sh: (command) => machine.sh(command, inside),
    run: (command) => machine.exec(command.split(' '), inside),
    python: async (program) => (await machine.exec(['python3', '-c', program], inside)).stdout.trim(),
    lease: (hostname) => leaseOf(machine, name, hostname),
  };
}

/** Its script sets the address and nothing else: what it says about resolvers is none of this machine's business. */
async function leaseOf(machine: TestMachine, namespace: string, hostname: string) {
  const base = `${machine.run}/${namespace}`;
  const script = '#!/bin/sh\n[ "$reason" = BOUND ] && ip addr replace "$new_ip_address/16" dev "$interface"\nexit 0\n';
  await machine.writeFile(`${base}.script`, script, 0o755);
  await machine.writeFile(`${base}.conf`, `send host-name "${hostname}";\nalso request ntp-servers;\ntimeout 8;\n`);
  await writeFile(`${base}.leases`, '');
  const files = ['-cf', `${base}.conf`, '-lf', `${base}.leases`, '-pf', `${base}.pid`, '-sf', `${base}.script`];
  const { code } = await machine.exec(['timeout', '40', 'dhclient', '-1', '-v', ...files, 'eth0'], { namespace });
  const text = await machine.sh(`cat ${base}.leases`);
  await machine.exec(['sh', '-c', `kill "$(cat ${base}.pid)"`]);
  await rm(`${base}.pid`, { force: true });
  if (code !== 0) return undefined;
  const words = [...text.matchAll(/^ {2}(?:option )?([\w-]+) (.+);$/gm)].map(([, key = '', value = '']) => [
    key,
    value,
  ]);
  return Object.fromEntries(words) as Record<string, string>;
}
