import { readFile, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must, scratchUnless } from '#core/run.ts';
import { hashOf } from '#lib/hash.ts';
import { compiledCode } from '../compiled.ts';
import { FORMER, untilInForce } from '../in-force.ts';
import { borrow, giveBack } from '../namespace/borrowed.ts';
import { RoutingInput } from './input.ts';
import { tableOf } from './marks.ts';
import { failed, observation } from './observe.ts';
import { hasPaths, PROTOCOL, pathTable, renderPaths, rulesOf } from './render.ts';
import { askRoutes } from './routes.ts';
import { type RoutingPaths, RoutingStatus, routingPaths } from './status.ts';

type Wanted = Artifact<RoutingInput>;

/** Heap and nursery in MiB: there is one of these processes for each gateway with several routers. */
const small = ['--max-old-space-size=48', '--max-semi-space-size=1'];

/**
 * What a gateway's routing needs beyond one router for each place: paths that connections keep to, and a process of ours
 * that asks routers whether they answer. It goes on when nobody else of ours is alive.
 */
export const routingEngine = defineEngine<RoutingInput>({
  name: 'routing',
  input: RoutingInput,

  async check(machine, wanted) {
    if (!hasPaths(wanted.input)) return;
    const { namespace } = wanted.input;
    const inside = await scratchUnless(machine, namespace);
    const { code, stderr } = await inside.exec(['nft', '--check', '--file', '-'], {
      namespace,
      stdin: renderPaths(wanted.input),
    });
    if (code === 0) return;
    const message = `nft refuses the paths of routers: ${stderr.trim().slice(0, 1000)}`;
    throw new Problem('ENGINE_REJECTED', { at: wanted.id, message, fix: 'Nothing was changed. Correct the routers.' });
  },

  async apply(machine, wanted, held) {
    const { input } = wanted;
    const { namespace } = input;
    if (input.forward !== undefined) await borrow(machine, wanted.id, forwarding(input.forward));
    await setRules(machine, wanted);
    if (!hasPaths(input)) return takeAway(machine, wanted, held);
    // 1: by addresses and ports; 3: by the fields that follow, here the sender alone.
    const policy = input.balanceBy === 'sources' ? 3 : 1;
    const { gid } = machine.users.gateway;
    await must(
      machine,
      wanted.id,
      [
        ...['sysctl', '-q', '-w', `net.ipv4.fib_multipath_hash_policy=${policy}`],
        ...['net.ipv4.fib_multipath_hash_fields=1', `net.ipv4.ping_group_range=${gid} ${gid}`],
      ],
      { namespace },
    );
    await must(machine, wanted.id, ['nft', '--file', '-'], { namespace, stdin: renderPaths(input) });
    await forgetRoutes(machine, wanted, held);
    await watchRouters(machine, wanted);
  },

  async remove(machine, held) {
    if (held.input.forward !== undefined) await giveBack(machine, held.id);
    await setRules(machine, { ...held, input: { ...held.input, hops: [], routers: [] } });
    await takeAway(machine, held, held);
  },

  async fingerprint(machine, { input }) {
    if (!hasPaths(input)) return '';
    const { namespace } = input;
    const paths = await machine.exec(['nft', 'list', 'table', ...pathTable.split(' ')], { namespace });
    return [paths.stdout, ...(await rulesIn(machine, namespace))].join('\n');
  },

  async observe(machine, held) {
    if (!hasPaths(held.input)) return { artifact: held.id, state: 'ready', values: {} };
    const up = (await machine.supervisor.status(serviceOf(held)))?.up === true;
    if (!up) return failed(held, 'whoever watches its routers is down');
    const status = await statusAt(pathsOf(machine, held));
    return status === undefined
      ? failed(held, 'whoever watches its routers does not say how they are')
      : observation(held, status);
  },

  async ask(machine, held, { question }) {
    if (question !== 'routes') {
      throw new Problem('INVALID_REQUEST', {
        at: held.id,
        message: `nothing is known of ${question}`,
        fix: 'Ask for routes.',
      });
    }
    return askRoutes(machine, held, await statusAt(pathsOf(machine, held)));
  },
});

const forwarding = (devices: readonly string[]): Record<string, number> =>
  Object.fromEntries(devices.map((it) => [`net.ipv4.conf.${it}.forwarding`, 1]));

const serviceOf = ({ input }: Wanted): string => `routers.${input.namespace}`;
const pathsOf = (machine: Machine, { input }: Wanted): RoutingPaths => routingPaths(machine.run, input.namespace);

const statusAt = async ({ status }: RoutingPaths): Promise<RoutingStatus | undefined> =>
  readFile(status, 'utf8').then(
    (text) => RoutingStatus.safeParse(JSON.parse(text)).data,
    () => undefined,
  );

/** Our rules as they are in the kernel, in the words of {@link rulesOf}. */
async function rulesIn(machine: Machine, namespace: string): Promise<string[]> {
  const { stdout } = await machine.exec(['ip', 'rule', 'show'], { namespace });
  return stdout.split('\n').flatMap((it) => {
    const [, pref, mark, table] = /^(\d+):\s+from all fwmark (\S+) lookup (\d+)/.exec(it) ?? [];
    return Number(pref) > 500 && Number(pref) < 628 ? [`pref ${pref} fwmark ${mark} lookup ${table}`] : [];
  });
}

async function setRules(machine: Machine, { id, input }: Wanted): Promise<void> {
  const { namespace } = input;
  const there = await rulesIn(machine, namespace);
  const short = (it: string): string => it.replaceAll(/0x0*/g, '0x');
  const wanted = rulesOf(input);
  const lines = [
    ...there.filter((it) => !wanted.some((one) => short(one) === short(it))).map((it) => `rule del ${it}`),
    ...wanted.filter((it) => !there.some((one) => short(one) === short(it))).map((it) => `rule add ${it}`),
  ];
  if (lines.length === 0) return;
  await must(machine, id, ['ip', '-batch', '-'], { namespace, stdin: `${lines.join('\n')}\n` });
}

/** Routes of ours that nobody wants any more; those that stay are replaced in their places. */
async function forgetRoutes(machine: Machine, { input }: Wanted, held: Wanted | undefined): Promise<void> {
  if (held === undefined) return;
  const places = ({ routes, hops }: RoutingInput) => [
    ...routes.map((it) => it.destination),
    ...hops.flatMap((it) => it.targets.map((one) => `${one}/32`)),
  ];
  const tables = ({ hops, routers }: RoutingInput) => [...hops, ...routers].map((it) => it.number);
  const now = { places: new Set(places(input)), tables: new Set(tables(input)) };
  const lines = [
    ...places(held.input)
      .filter((it) => !now.places.has(it))
      .map((it) => `route del ${it} proto ${PROTOCOL}`),
    ...tables(held.input)
      .filter((it) => !now.tables.has(it))
      .map((it) => `route flush table ${tableOf(it)}`),
  ];
  if (lines.length === 0) return;
  const stdin = `${lines.join('\n')}\n`;
  await machine.exec(['ip', '-force', '-batch', '-'], { namespace: input.namespace, stdin });
}

async function takeAway(machine: Machine, wanted: Wanted, held: Wanted | undefined): Promise<void> {
  const { namespace } = wanted.input;
  if (held === undefined || !hasPaths(held.input)) return;
  await machine.supervisor.remove(serviceOf(held));
  await forgetRoutes(machine, { ...wanted, input: { ...held.input, routes: [], hops: [], routers: [] } }, held);
  const stdin = `table ${pathTable}\ndelete table ${pathTable}\n`;
  await machine.exec(['nft', '--file', '-'], { namespace, stdin });
  await rm(pathsOf(machine, held).folder, { recursive: true, force: true });
}

async function watchRouters(machine: Machine, wanted: Wanted): Promise<void> {
  const { uid, gid } = machine.users.gateway;
  const paths = pathsOf(machine, wanted);
  const text = JSON.stringify(wanted.input);
  await machine.writeFile(paths.input, text, { mode: 0o640, gid });
  await machine.makeFolder(paths.folder, { mode: 0o755 });
  await machine.makeFolder(paths.said, { mode: 0o750, uid, gid });
  await machine.supervisor.ensure({
    name: serviceOf(wanted),
    namespace: wanted.input.namespace,
    argv: [
      ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--no-new-privs'],
      // Without that of raw sockets in the bounding set the kernel would not start `ping` at all.
      ...['--bounding-set=-all,+net_admin,+net_raw', '--inh-caps=-all,+net_admin', '--ambient-caps=-all,+net_admin'],
      ...[process.execPath, ...small, `${machine.home}/src/main/gateway-routers.ts`, paths.input, paths.status],
    ],
    env: compiledCode(),
  });
  await untilInForce({
    at: wanted.id,
    async look() {
      const status = await statusAt(paths);
      if (status?.input === hashOf(text)) return undefined;
      return status === undefined ? 'it does not run' : FORMER;
    },
    message: 'whoever watches routers did not take its input',
  });
}
