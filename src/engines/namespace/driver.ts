import { readdir, readFile, readlink, stat, statfs } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import { borrow, giveBack } from './borrowed.ts';
import { NamespaceInput } from './input.ts';
import { askInterfaces } from './interfaces.ts';

/** Network namespaces: the walls of the fabric. Equal to `ip netns add`, so `ip netns` lists them. */
export const namespaceEngine = defineEngine<NamespaceInput>({
  name: 'namespace',
  input: NamespaceInput,

  async apply(machine, wanted, held) {
    const { name, sysctls, addresses, blackholes } = wanted.input;
    if (held !== undefined && held.input.host !== wanted.input.host) {
      const message = 'what stands in a namespace cannot move into the machine’s own, nor out of it';
      throw new Problem('CONFLICTING', {
        at: wanted.owners[0] ?? wanted.id,
        message,
        fix: 'Declare it under another name.',
      });
    }
    if (wanted.input.host === true) return attachHost(machine, wanted);
    if (!(await exists(machine, name)) && !(await reattached(machine, wanted.id, name))) {
      await must(machine, wanted.id, ['ip', 'netns', 'add', machine.namespace(name)]);
    }
    await machine.writeFile(markOf(machine, name), await inodeOf(machine, name), 0o600);
    const inside = { namespace: name };
    // IPv6 is off before anything can be attached: an inet ruleset is not the only lock.
    const settings = Object.entries({
      'net.ipv6.conf.all.disable_ipv6': 1,
      'net.ipv6.conf.default.disable_ipv6': 1,
      ...sysctls,
    }).map(([key, value]) => `${key}=${value}`);
    await must(machine, wanted.id, ['sysctl', '-q', '-w', ...settings], inside);
    const gone = (before: readonly string[] | undefined, now: readonly string[]) =>
      (before ?? []).filter((it) => !now.includes(it));
    const batch = [
      'link set lo up',
      `link set lo alias ${machine.namespace(name)}`,
      ...gone(held?.input.addresses, addresses).map((it) => `addr del ${it} dev lo`),
      ...gone(held?.input.blackholes, blackholes).map((it) => `route del blackhole ${it}`),
      ...addresses.map((it) => `addr replace ${it} dev lo`),
      ...blackholes.map((it) => `route replace blackhole ${it}`),
    ];
    await must(machine, wanted.id, ['ip', '-force', '-batch', '-'], { ...inside, stdin: `${batch.join('\n')}\n` });
  },

  async remove(machine, held) {
    const { name } = held.input;
    if (held.input.host === true) await giveBack(machine, held.id);
    // `ip` fails for a name that was never mounted on, but it does take it away.
    if (await isListed(machine, name)) await machine.exec(['ip', 'netns', 'delete', machine.namespace(name)]);
    if (await isListed(machine, name)) await must(machine, held.id, ['ip', 'netns', 'delete', machine.namespace(name)]);
    await machine.exec(['rm', '-f', markOf(machine, name)]);
  },

  async fingerprint(machine, { id, input }) {
    if (input.host === true) return inodeOf(machine, input.name);
    const stdin = 'addr show dev lo\nroute show type blackhole\n';
    const { stdout } = await must(machine, id, ['ip', '-4', '-o', '-batch', '-'], { namespace: input.name, stdin });
    const lines = stdout.trimEnd().split('\n');
    return [await inodeOf(machine, input.name), ...lines.sort()].join('\n');
  },

  async observe(machine, held) {
    const up = await exists(machine, held.input.name);
    return {
      artifact: held.id,
      state: up ? 'ready' : 'failed',
      ...(up ? {} : { detail: 'the network namespace is gone' }),
      values: {},
    };
  },

  async ask(machine, held, { question, detail }) {
    if (question === 'interfaces') return askInterfaces(machine, { id: held.id, namespace: held.input.name, detail });
    const message = `nothing is known of ${question}`;
    throw new Problem('INVALID_REQUEST', { at: held.id, message, fix: 'Ask for interfaces.' });
  },
});

/** A name for the namespace that we stand in ourselves: taking the name away takes nothing else. */
async function attachHost(machine: Machine, { id, input }: Artifact<NamespaceInput>): Promise<void> {
  if (!(await exists(machine, input.name)))
    await must(machine, id, ['ip', 'netns', 'attach', machine.namespace(input.name), String(process.pid)]);
  await borrow(machine, id, input.sysctls);
}

const placeOf = (machine: Machine, name: string): string => `/run/netns/${machine.namespace(name)}`;

const isListed = (machine: Machine, name: string): Promise<boolean> =>
  stat(placeOf(machine, name)).then(
    () => true,
    () => false,
  );

/** The file system of namespaces (`NSFS_MAGIC` of linux/magic.h): what a name leads to that has one behind it. */
const NSFS = 0x6e736673;

/** A name without a namespace behind it is what a death in the middle of making one leaves; it counts for nothing. */
async function exists(machine: Machine, name: string): Promise<boolean> {
  const type = await statfs(placeOf(machine, name)).then(
    (it) => it.type,
    () => undefined,
  );
  if (type !== undefined && type !== NSFS) await machine.exec(['ip', 'netns', 'delete', machine.namespace(name)]);
  return type === NSFS;
}

const markOf = (machine: Machine, name: string): string => `${machine.run}/namespaces/${name}`;

/** As `readlink` of a process's own tells it; empty where there is none. */
const inodeOf = (machine: Machine, name: string): Promise<string> =>
  stat(placeOf(machine, name)).then(
    (it) => `net:[${it.ino}]`,
    () => '',
  );

/**
 * Somebody deleted the name only: as long as a process lives in it, the namespace is whole, and it gets its name back
 * before a packet is lost. It is known by its inode and by the alias of its `lo`.
 */
async function reattached(machine: Machine, at: string, name: string): Promise<boolean> {
  const inode = await readFile(markOf(machine, name), 'utf8').catch(() => '');
  if (inode === '') return false;
  for (const pid of (await readdir('/proc')).filter((it) => /^\d+$/.test(it))) {
    if ((await readlink(`/proc/${pid}/ns/net`).catch(() => '')) !== inode) continue;
    const lo = await machine.exec(['nsenter', `--net=/proc/${pid}/ns/net`, '--', 'ip', 'link', 'show', 'dev', 'lo']);
    if (!lo.stdout.split('\n').some((line) => line.trim() === `alias ${machine.namespace(name)}`)) continue;
    await must(machine, at, ['ip', 'netns', 'attach', machine.namespace(name), pid]);
    return true;
  }
  return false;
}
