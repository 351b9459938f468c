import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { type GatewayStatus, statusAt } from '#engines/gateway-service/status.ts';
import { clusterPaths } from '#engines/keepalived/paths.ts';
import { engines } from '#host/engines.ts';
import { Holder } from '#host/holder.ts';
import { fileJournal } from '#host/journal.ts';
import { thisMachine } from '#host/machine.ts';
import { ensureUsers } from '#host/users.ts';
import { inNamespace } from './machine.ts';

const home = resolve(import.meta.dirname, '..');
const cut = 'underlay';

/**
 * What stands for a machine of its own on this kernel: a state folder, a supervisor and a holder as its host agent has them, and a
 * namespace in place of the machine's own, from which its tunnels leave. One cable joins the two that there are.
 */
export class StandIn {
  readonly machine: Machine;
  readonly holder: Holder;
  readonly #folder: string;
  readonly #own: string;
  #revision = 0;

  private constructor(machine: Machine, folder: string, own: string) {
    this.machine = machine;
    this.#folder = folder;
    this.#own = own;
    const journal = fileJournal(machine.state);
    this.holder = new Holder({ machine, engines, journal, now: () => Date.now(), log: () => {} });
  }

  /** `key` is what joining gives to a machine; `version` is that of its program, where it is not ours. */
  static async start({ key, version }: { readonly key: string; readonly version?: string }): Promise<StandIn> {
    const deployment = randomBytes(2).toString('hex');
    const folder = await mkdtemp(join(tmpdir(), `vbt-${deployment}-`));
    const own = `vbt-${deployment}-own`;
    const plain = thisMachine({
      deployment,
      state: join(folder, 'state'),
      run: join(folder, 'run'),
      home: version === undefined ? home : await programOf(folder, version),
      users: ensureUsers(),
      openingKey: key,
      progress: () => {},
    });
    const machine: Machine = {
      ...plain,
      exec: (argv, options = {}) =>
        plain.exec(options.namespace === undefined ? inNamespace(own, argv) : argv, options),
    };
    await must(plain, folder, ['chmod', '0755', folder]);
    await must(plain, own, ['ip', 'netns', 'add', own]);
    await must(machine, own, ['ip', 'link', 'set', 'lo', 'up']);
    for (const it of [`${machine.run}/scan`, machine.state]) await mkdir(it, { recursive: true, mode: 0o755 });
    spawn('nsenter', [`--net=/run/netns/${own}`, 's6-svscan', `${machine.run}/scan`], { stdio: 'ignore' });
    const it = new StandIn(machine, folder, own);
    await it.holder.start();
    return it;
  }

  /** The cable between them, with the address of each. */
  static async join([a, b]: readonly [StandIn, StandIn], addresses: readonly [string, string]): Promise<void> {
    const line = ['ip', 'link', 'add', cut, 'type', 'veth', 'peer', 'name', cut, 'netns', b.#own];
    await must(a.machine, cut, line);
    for (const [it, address] of [[a, addresses[0]] as const, [b, addresses[1]] as const]) {
      await must(it.machine, cut, ['ip', 'addr', 'add', `${address}/24`, 'dev', cut]);
      await must(it.machine, cut, ['ip', 'link', 'set', cut, 'up']);
    }
  }

  hold(artifacts: readonly Artifact[]): Promise<void> {
    this.#revision += 1;
    return this.holder.hold({ revision: this.#revision, artifacts: artifacts.map(mutable) }, () => {});
  }

  observe(): Promise<readonly Observation[]> {
    return this.holder.observe();
  }

  status(gateway: string): Promise<GatewayStatus> {
    return statusAt(clusterPaths(this.machine, gateway).serviceSocket);
  }

  /** A host on the part of a segment that stands here; gives the name of its namespace. */
  async plug(name: string, segment: string, lines: readonly string[]): Promise<string> {
    const { machine } = this;
    await must(machine, name, ['ip', 'netns', 'add', machine.namespace(name)]);
    const wire = ['ip', 'link', 'add', 'eth0', 'netns', machine.namespace(name), 'type', 'veth'];
    await must(machine, name, [...wire, 'peer', 'name', name, 'netns', machine.namespace(segment)]);
    const port = [`link set ${name} master br0`, `link set ${name} up`];
    await must(machine, name, ['ip', '-batch', '-'], { namespace: segment, stdin: `${port.join('\n')}\n` });
    const all = ['link set lo up', 'link set eth0 mtu 1450 up', ...lines];
    await must(machine, name, ['ip', '-batch', '-'], { namespace: name, stdin: `${all.join('\n')}\n` });
    return machine.namespace(name);
  }

  /** The machine is gone: its cable is cut, and what ran for the gateway is killed. */
  async die(gateway: string): Promise<void> {
    await must(this.machine, cut, ['ip', 'link', 'set', cut, 'down']);
    for (const it of services) await this.#service(it, gateway, '-d', '-k');
  }

  /** It is there again, and remembers no connection. */
  async rise(gateway: string): Promise<void> {
    await this.machine.exec(['conntrack', '-F'], { namespace: gateway });
    for (const it of services) await this.#service(it, gateway, '-u');
    await must(this.machine, cut, ['ip', 'link', 'set', cut, 'up']);
  }

  async #service(name: string, gateway: string, ...flags: string[]): Promise<void> {
    await must(this.machine, name, ['s6-svc', ...flags, `${this.machine.run}/scan/${name}.${gateway}`]);
  }

  /** What stands in the kernel or runs for it. */
  async leftovers(): Promise<readonly string[]> {
    const { stdout } = await this.machine.exec(['ip', 'netns', 'list']);
    const scanned = await readdir(`${this.machine.run}/scan`);
    return [
      ...stdout.split('\n').filter((it) => it.startsWith(this.machine.namespace(''))),
      ...scanned.filter((it) => !it.startsWith('.')),
    ];
  }

  /** Never throws. */
  async stop(): Promise<void> {
    await this.hold([]).catch(() => {});
    this.holder.stop();
    const { machine } = this;
    await machine.exec(['s6-svscanctl', '-t', `${machine.run}/scan`]);
    for (const it of await this.leftovers().catch(() => []))
      await machine.exec(['ip', 'netns', 'delete', it.split(' ')[0] ?? '']);
    await machine.exec(['ip', 'netns', 'delete', this.#own]);
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }).catch(() => {});
  }
}

const mutable = (it: Artifact) => ({ ...it, owners: [...it.owners], needs: [...it.needs] });

const services = ['keepalived', 'conntrackd', 'gateway'] as const;

/** The same program under another version: what a machine has that was not updated yet, or before the other. */
async function programOf(folder: string, version: string): Promise<string> {
  const place = join(folder, 'program');
  await mkdir(place, { mode: 0o755 });
  await cp(join(home, 'src'), join(place, 'src'), { recursive: true });
  await symlink(join(home, 'node_modules'), join(place, 'node_modules'));
  const { default: description } = await import('../package.json', { with: { type: 'json' } });
  await writeFile(join(place, 'package.json'), JSON.stringify({ ...description, version }));
  return place;
}
