import { rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine, type Observation } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import { UplinkInput } from './input.ts';
import {
  type LinkAddresses,
  linkAddresses,
  portOf,
  renderInside,
  renderMachine,
  renderResolver,
  switchedOnOf,
  tableOf,
} from './render.ts';

type Wanted = Artifact<UplinkInput>;

const SERVICE = 'dns.machine';
const configOf = (machine: Machine): string => `${machine.run}/dns/machine.conf`;

/**
 * A namespace's way out through the machine: a link, one table in the machine's own namespace, forwarding for that link,
 * and a resolver. The only engine that touches the machine's own namespace; `remove` leaves it as it was.
 */
export const uplinkEngine = defineEngine<UplinkInput>({
  name: 'uplink',
  input: UplinkInput,

  async apply(machine, wanted) {
    const outside = await defaultInterfaces(machine);
    if (outside.length === 0) {
      throw new Problem('UNMET', {
        at: wanted.id,
        message: 'this machine has no default route, so it leads nowhere',
        fix: 'Give the machine a way to the internet, or set `internet: { uplink: none }`.',
      });
    }
    const link = await ensureLink(machine, wanted);
    const before = switchedOnOf((await listing(machine)).stdout);
    const off: string[] = [];
    for (const it of outside) if ((await forwarding(machine, it)) === '0') off.push(it);
    const switchedOn = outside.filter((it) => before.includes(it) || off.includes(it));
    const { deployment } = machine;
    // The table first: what it closes is closed before anything is forwarded.
    const table = renderMachine({ deployment, link, outside, switchedOn });
    await must(machine, wanted.id, ['nft', '-f', '-'], { stdin: table });
    const settings = [...switchedOn, portOf(deployment)].map((it) => `net.ipv4.conf.${it}.forwarding=1`);
    await must(machine, wanted.id, ['sysctl', '-q', '-w', ...settings]);
    await machine.writeFile(configOf(machine), renderResolver(link), 0o644);
    await machine.supervisor.ensure({ name: SERVICE, argv: ['dnsmasq', `--conf-file=${configOf(machine)}`] });
  },

  async remove(machine) {
    await machine.supervisor.remove(SERVICE);
    await rm(configOf(machine), { force: true });
    const { code, stdout } = await listing(machine);
    const settings = switchedOnOf(stdout).map((it) => `net.ipv4.conf.${it}.forwarding=0`);
    if (settings.length > 0) await machine.exec(['sysctl', '-q', '-e', '-w', ...settings]);
    await machine.exec(['ip', 'link', 'delete', portOf(machine.deployment)]);
    if (code === 0) await machine.exec(['nft', 'delete', 'table', 'ip', tableOf(machine.deployment)]);
  },

  async observe(machine, held): Promise<Observation> {
    const lack = await lacking(machine, held);
    return {
      artifact: held.id,
      state: lack === undefined ? 'ready' : 'failed',
      ...(lack === undefined ? {} : { detail: lack }),
      values: {},
    };
  },
});

const listing = (machine: Machine) => machine.exec(['nft', 'list', 'table', 'ip', tableOf(machine.deployment)]);

const forwarding = async (machine: Machine, name: string): Promise<string> =>
  (await machine.exec(['sysctl', '-n', `net.ipv4.conf.${name}.forwarding`])).stdout.trim();

async function defaultInterfaces(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.exec(['ip', '-4', '-o', 'route', 'show', 'default']);
  const names = [...stdout.matchAll(/ dev (\S+)/g)].map(([, name]) => name ?? '');
  return [...new Set(names)].filter((it) => /^[A-Za-z0-9_-]{1,15}$/.test(it)).sort();
}

async function addressOf(machine: Machine, name: string): Promise<string | undefined> {
  const { stdout } = await machine.exec(['ip', '-4', '-o', 'addr', 'show', 'dev', name]);
  return / inet ([\d.]+)\//.exec(stdout)?.[1];
}

/** The link, both of its ends; a half of one is made anew. */
async function ensureLink(machine: Machine, { id, input }: Wanted): Promise<LinkAddresses> {
  const port = portOf(machine.deployment);
  const inside = { namespace: input.namespace };
  const there = await machine.exec(['ip', 'link', 'show', 'dev', input.interface], inside);
  const old = await addressOf(machine, port);
  const link = await chosen(machine, old);
  if (old === undefined || there.code !== 0) {
    await machine.exec(['ip', 'link', 'delete', port]);
    const peer = ['peer', 'name', input.interface, 'netns', machine.namespace(input.namespace)];
    await must(machine, id, ['ip', 'link', 'add', port, 'type', 'veth', ...peer]);
  }
  const own = [`net.ipv4.conf.${port}.rp_filter=1`, `net.ipv6.conf.${port}.disable_ipv6=1`];
  await must(machine, id, ['sysctl', '-q', '-e', '-w', ...own]);
  await must(machine, id, ['ip', 'addr', 'replace', `${link.machine}/30`, 'dev', port]);
  await must(machine, id, ['ip', 'link', 'set', port, 'alias', `vauban ${machine.deployment}`, 'up']);
  await must(machine, id, ['nft', '-f', '-'], { ...inside, stdin: renderInside(input, link) });
  const batch = [
    `addr replace ${link.inside}/30 dev ${input.interface}`,
    `link set ${input.interface} up`,
    `route replace default via ${link.machine} dev ${input.interface}`,
    `route replace ${input.resolver}/32 via ${link.machine} dev ${input.interface}`,
  ];
  await must(machine, id, ['ip', '-batch', '-'], { ...inside, stdin: `${batch.join('\n')}\n` });
  return link;
}

/** What the link has already, else the first of the deployment's choices that the machine knows no route to. */
async function chosen(machine: Machine, old: string | undefined): Promise<LinkAddresses> {
  const choices = Array.from({ length: 64 }, (_, index) => linkAddresses(machine.deployment, index));
  for (const link of choices) {
    if (link.machine === old) return link;
    if (old !== undefined) continue;
    const { stdout } = await machine.exec(['ip', '-4', '-o', 'route', 'show', 'match', link.inside]);
    if (stdout.split('\n').every((line) => line === '' || line.startsWith('default'))) return link;
  }
  return choices[0] as LinkAddresses;
}

async function lacking(machine: Machine, { input }: Wanted): Promise<string | undefined> {
  const port = portOf(machine.deployment);
  if ((await addressOf(machine, port)) === undefined) return 'the link to the machine is gone';
  const { code, stdout } = await listing(machine);
  if (code !== 0) return 'the table in the machine’s own namespace is gone';
  const there = await machine.exec(['nft', 'list', 'table', 'ip', 'uplink'], { namespace: input.namespace });
  if (there.code !== 0) return 'the table of the uplink is gone';
  const outside = await defaultInterfaces(machine);
  if (outside.length === 0) return undefined;
  if (
    !stdout.includes(`oifname { ${outside.map((it) => `"${it}"`).join(', ')} } accept`) &&
    !stdout.includes(`oifname "${outside[0]}" accept`)
  )
    return 'the machine’s way out is another one now';
  for (const it of [...outside, port]) if ((await forwarding(machine, it)) === '0') return `${it} does not forward`;
  if ((await machine.supervisor.status(SERVICE))?.up !== true) return 'the resolver for the uplink is down';
  return undefined;
}
