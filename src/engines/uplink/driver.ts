import { rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine, type Observation } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import { overlaps, parsePrefix, prefix } from '#lib/ip.ts';
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
/** The resolver of the simulated internet (RFC 5737). */
const INTERNET_RESOLVER = '192.0.2.1';
const configOf = (machine: Machine): string => `${machine.run}/dns/machine.conf`;

/**
 * What joins a namespace to the machine: a link, one table in the machine's own namespace, and for a way out forwarding for
 * that link and a resolver; for a way in routes on the machine. The only engine that touches the machine's own namespace; `remove` leaves it as it was.
 */
export const uplinkEngine = defineEngine<UplinkInput>({
  name: 'uplink',
  input: UplinkInput,

  async apply(machine, wanted) {
    const { out, reached } = wanted.input;
    const outside = out === undefined ? [] : await defaultInterfaces(machine);
    if (out !== undefined && outside.length === 0) {
      throw new Problem('UNMET', {
        at: wanted.id,
        message: 'this machine has no default route, so it leads nowhere',
        fix: 'Give the machine a way to the internet, or set `internet: { uplink: none }`.',
      });
    }
    await refuseTaken(machine, wanted);
    const link = await ensureLink(machine, wanted);
    const before = switchedOnOf((await listing(machine)).stdout);
    const off: string[] = [];
    for (const it of outside) if ((await forwarding(machine, it)) === '0') off.push(it);
    const switchedOn = outside.filter((it) => before.includes(it) || off.includes(it));
    const { deployment } = machine;
    // The table first: what it closes is closed before anything is forwarded.
    const table = renderMachine({ deployment, link, outside, switchedOn });
    await must(machine, wanted.id, ['nft', '-f', '-'], { stdin: table });
    await setForwarding(
      machine,
      before.filter((it) => !switchedOn.includes(it)),
      0,
    );
    await setForwarding(machine, [...switchedOn, ...(out === undefined ? [] : [portOf(deployment)])], 1);
    await ensureRoutes(machine, wanted, link);
    await (out === undefined ? removeResolver(machine) : ensureResolver(machine, link));
    if (reached.length > 0) await tellNames(machine);
  },

  async remove(machine) {
    await removeResolver(machine);
    const { code, stdout } = await listing(machine);
    await setForwarding(machine, switchedOnOf(stdout), 0);
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

async function setForwarding(machine: Machine, names: readonly string[], value: 0 | 1): Promise<void> {
  if (names.length === 0) return;
  await machine.exec(['sysctl', '-q', '-e', '-w', ...names.map((it) => `net.ipv4.conf.${it}.forwarding=${value}`)]);
}

async function ensureResolver(machine: Machine, link: LinkAddresses): Promise<void> {
  await machine.writeFile(configOf(machine), renderResolver(link), 0o644);
  await machine.supervisor.ensure({ name: SERVICE, argv: ['dnsmasq', `--conf-file=${configOf(machine)}`] });
}

async function removeResolver(machine: Machine): Promise<void> {
  await machine.supervisor.remove(SERVICE);
  await rm(configOf(machine), { force: true });
}

/** Lines as `ip` prints them, but with a length behind the address of a single host, too. */
const routesOf = async (machine: Machine): Promise<string[]> =>
  (await machine.exec(['ip', '-4', '-o', 'route', 'show', 'table', 'main'])).stdout
    .split('\n')
    .map((line) => line.replace(/^([\d.]+) /, '$1/32 '));

/**
 * A prefix that the machine knows a way into already, as a whole or in part, is left alone: another deployment's, or the
 * machine's own network, its gateway or its resolvers among them.
 */
async function refuseTaken(machine: Machine, { id, input }: Wanted): Promise<void> {
  const own = ` dev ${portOf(machine.deployment)} `;
  const routes = (await routesOf(machine)).flatMap((line) => {
    const known = parsePrefix(line.split(' ')[0] ?? '');
    return known === undefined || line.includes(own) ? [] : [{ known, line: line.trim() }];
  });
  const resolvers = (await resolversOf(machine)).map((it) => ({ known: prefix(`${it}/32`), line: `resolver ${it}` }));
  for (const reached of input.reached) {
    const other = [...routes, ...resolvers].find(({ known }) => overlaps(known, prefix(reached)));
    if (other === undefined) continue;
    throw new Problem('CONFLICTING', {
      at: id,
      message: `this machine has a way into ${reached} already: ${other.line}`,
      fix: 'Take that down first (another deployment’s, most likely), or set `internet: { access: none }`.',
    });
  }
}

const resolversOf = async (machine: Machine): Promise<string[]> => {
  const { stdout } = await machine.exec(['cat', '/etc/resolv.conf']);
  return [...stdout.matchAll(/^nameserver\s+([\d.]+)\s*$/gm)].map(([, it]) => it ?? '');
};

/** The machine's ways into the namespace: exactly those that are wanted. */
async function ensureRoutes(machine: Machine, { id, input }: Wanted, link: LinkAddresses): Promise<void> {
  const port = portOf(machine.deployment);
  const own = (await routesOf(machine)).filter((line) => line.includes(` dev ${port} `) && line.includes(' via '));
  const gone = own.map((line) => line.split(' ')[0] ?? '').filter((it) => !input.reached.includes(it));
  const batch = [
    ...gone.map((it) => `route del ${it} dev ${port}`),
    ...input.reached.map((it) => `route replace ${it} via ${link.inside} dev ${port} src ${link.machine}`),
  ];
  if (batch.length > 0) await must(machine, id, ['ip', '-batch', '-'], { stdin: `${batch.join('\n')}\n` });
}

/** Where systemd-resolved serves the machine, it asks the namespace for names below `.internet`; elsewhere names stay unknown. */
async function tellNames(machine: Machine): Promise<void> {
  const port = portOf(machine.deployment);
  if ((await machine.exec(['resolvectl', 'dns', port, INTERNET_RESOLVER])).code !== 0) return;
  await machine.exec(['resolvectl', 'domain', port, '~internet']);
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
    ...(input.out === undefined
      ? []
      : [
          `route replace default via ${link.machine} dev ${input.interface}`,
          `route replace ${input.out.resolver}/32 via ${link.machine} dev ${input.interface}`,
        ]),
  ];
  if (input.out === undefined) await machine.exec(['ip', 'route', 'delete', 'default', 'dev', input.interface], inside);
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
  const routes = await routesOf(machine);
  const missing = input.reached.find(
    (it) => !routes.some((line) => line.startsWith(`${it} via `) && line.includes(port)),
  );
  if (missing !== undefined) return `the machine’s way to ${missing} is gone`;
  if (input.out === undefined) return undefined;
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
