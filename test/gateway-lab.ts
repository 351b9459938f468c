import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type GatewayStatus, statusAt } from '#engines/gateway-service/status.ts';
import { clusterPaths } from '#engines/keepalived/paths.ts';
import { namespaceOf } from '#host/machine.ts';
import { segmentPort } from '#kinds/segment/port.ts';
import { eventually, type TestDeployment } from './deployment.ts';

/** A member of a cluster in a whole deployment: its name, and the segment on each interface. */
export interface Member {
  readonly name: string;
  readonly segments: Readonly<Record<string, string>>;
}

export interface Download {
  /**
   * Takes what is left as fast as it comes. Gives the exit code of curl, the bytes that came and the connections that it
   * took: a download that was broken took more than one.
   */
  finish(): Promise<{ readonly code: number | null; readonly bytes: number; readonly connections: number }>;
  /** Bytes that have come until now. */
  bytes(): number;
  stop(): void;
}

/** What can be looked at, and broken, around the gateways of a project. */
export class GatewayLab {
  readonly #lab: TestDeployment;
  readonly #project: string;
  readonly #children: ChildProcess[] = [];

  constructor(lab: TestDeployment, project: string) {
    this.#lab = lab;
    this.#project = project;
  }

  /** The namespace of a gateway as the kernel knows it. */
  namespace(gateway: string): string {
    return namespaceOf(this.#lab.deployment.id, `gw.${this.#project}.${gateway}`);
  }

  /** Runs a program in a gateway's namespace, from words parted by single spaces; gives its standard output. */
  within(gateway: string, command: string): string {
    return execFileSync('nsenter', [`--net=/run/netns/${this.namespace(gateway)}`, ...command.split(' ')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }

  /** In the kernel: which gateways have an address. */
  owners(gateways: readonly string[], address: string): string[] {
    return gateways.filter((it) => this.within(it, 'ip -4 -o addr').includes(` ${address}/`));
  }

  status(gateway: string): Promise<GatewayStatus> {
    const { run, hostState } = this.#lab.deployment;
    return statusAt(clusterPaths({ run, state: hostState }, `gw.${this.#project}.${gateway}`).serviceSocket);
  }

  /** Pulls or plugs cables of a gateway at the switch: it loses its carrier, as when the switch or the gateway loses power. */
  cables(member: Member, state: 'up' | 'down', interfaces = Object.keys(member.segments)): void {
    for (const it of interfaces) {
      const segment = { project: this.#project, name: member.segments[it] ?? '', spec: { mtu: 1500 } as never };
      const { name } = segmentPort(segment, `${this.#project}/gateway/${member.name}/${it}`);
      const namespace = namespaceOf(this.#lab.deployment.id, `seg.${this.#project}.${segment.name}`);
      execFileSync('nsenter', [`--net=/run/netns/${namespace}`, 'ip', 'link', 'set', name, state]);
    }
  }

  /** Kills one of a gateway's own daemons; its supervisor starts it again. */
  kill(gateway: string, daemon: 'keepalived' | 'conntrackd' | 'gateway'): void {
    const service = `${this.#lab.deployment.scan}/${daemon}.gw.${this.#project}.${gateway}`;
    const [pid = '0'] = execFileSync('s6-svstat', ['-o', 'pid', service], { encoding: 'utf8' }).trim().split(' ');
    if (Number(pid) > 1) process.kill(Number(pid), 'SIGKILL');
  }

  /** Exactly one gateway is active, the others stand by, and they hear each other on both ways. */
  async settled(gateways: readonly string[], address: string): Promise<string> {
    const seen = await eventually(
      async () => ({
        owners: this.owners(gateways, address),
        all: await Promise.all(gateways.map((it) => this.status(it).catch(() => undefined))),
      }),
      ({ owners, all }) =>
        owners.length === 1 &&
        all.every((it) => [it?.traffic, it?.link].every((way) => (way?.ageMs ?? 1e9) < 1000)) &&
        all.filter((it) => it?.role === 'active').length === 1 &&
        all.filter((it) => it?.role === 'standby').length === all.length - 1,
      120,
    );
    return seen.owners[0] ?? '';
  }

  /** What is counted under a key, over all gateways. */
  async counted(key: string, field = 'hits'): Promise<number> {
    const { items } = await this.#lab.client.get<{
      items: { values?: Readonly<Record<string, Readonly<Record<string, number>>>> }[];
    }>('/v1/artifacts');
    return items.reduce((sum, it) => sum + (it.values?.[key]?.[field] ?? 0), 0);
  }

  /** One long download in an instance, which its reader slows down until it is to finish: it goes on as long as a test needs. */
  download(instance: string, url: string): Download {
    const namespace = namespaceOf(this.#lab.deployment.id, `vm.${this.#project}.${instance}`);
    const argv = ['-s', '-m', '300', '-w', '%{stderr}%{num_connects}', '--noproxy', '*', url];
    const child = spawn('nsenter', [`--net=/run/netns/${namespace}`, '--', 'curl', ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.push(child);
    let bytes = 0;
    let said = '';
    const take = (part: Buffer | null): void => {
      bytes += part?.length ?? 0;
    };
    const slowly = setInterval(() => take(child.stdout.read()), 20);
    // Once: what a child that ends leaves behind is thrown away when nobody listens.
    const fast = (): void => {
      clearInterval(slowly);
      if (child.stdout.listenerCount('data') === 0) child.stdout.on('data', take);
    };
    child.once('exit', fast);
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      said += part;
    });
    const ended = new Promise<number | null>((done) => child.once('close', done));
    return {
      bytes: () => bytes,
      stop: () => child.kill('SIGKILL'),
      finish: async () => {
        fast();
        const code = await ended;
        return { code, bytes, connections: Number(said) || 0 };
      },
    };
  }

  /** A process of the deployment's own log, as it stands. */
  log(service: string): string {
    return readFileSync(`${this.#lab.deployment.hostState}/logs/${service}/current`, 'utf8');
  }

  stop(): void {
    for (const it of this.#children.splice(0)) it.kill('SIGKILL');
  }
}

/** The members of `examples/gateway-ha`, and the public address that they share. */
export const pair: readonly Member[] = ['stormshield-1', 'stormshield-2'].map((name) => ({
  name,
  segments: { vlan200: 'stormshield-vlan200', ext: 'stormshield-ext', ha: 'stormshield-ha' },
}));
export const names = pair.map((it) => it.name);
export const SHARED = '147.135.161.153';
export const INSIDE = '10.200.0.1';
