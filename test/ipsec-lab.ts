import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import type { Machine, RunOptions } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { pkiEngine } from '#engines/pki/driver.ts';
import { type CertificateInput, type InternalInput, PkiInput } from '#engines/pki/input.ts';
import type { Signer } from '#engines/pki/openssl.ts';
import { type PkiPaths, pkiPaths } from '#engines/pki/paths.ts';
import { strongswanEngine } from '#engines/strongswan/driver.ts';
import type { Connection, StrongswanInput, Tunnel } from '#engines/strongswan/input.ts';
import { ipsecPaths } from '#engines/strongswan/paths.ts';
import { type IpsecStatus, statusAt, type TunnelStatus } from '#engines/strongswan/status.ts';
import { eventually } from './deployment.ts';
import { labMachine } from './lab-machine.ts';

/**
 * Two gateways on an outer network (`middle` routes between them), with a host behind each: `here` is 198.51.100.1 with
 * 10.1.0.0/24 behind it, `there` 198.51.101.1 with 10.2.0.0/24.
 */
export const sides = ['here', 'there'] as const;
export type Side = (typeof sides)[number];

export const addressOf = { here: '198.51.100.1', there: '198.51.101.1' } as const;
export const hostOf = { here: '10.1.0.10', there: '10.2.0.10' } as const;
export const networkOf = { here: '10.1.0.0/24', there: '10.2.0.0/24' } as const;
export const otherSide = (side: Side): Side => (side === 'here' ? 'there' : 'here');

export const KEY = 'a pre-shared key of some length';

export const strong = { ike: 'aes256gcm16-prfsha384-ecp384', esp: 'aes256gcm16-ecp384' } as const;

/** The input of one side, as kinds would make it. */
export function inputOf(
  side: Side,
  change: { readonly connection?: Partial<Connection>; readonly tunnel?: Partial<Tunnel> } = {},
): StrongswanInput {
  const other = otherSide(side);
  return {
    namespace: side,
    owner: `lab/gateway/${side}`,
    whileActive: false,
    after: [],
    connections: [
      {
        key: `lab/ipsecPeer/${other}`,
        name: other,
        local: addressOf[side],
        remote: [addressOf[other]],
        localIdentity: addressOf[side],
        remoteIdentity: addressOf[other],
        preSharedKey: KEY,
        proposals: [strong.ike],
        rekeySeconds: 14_400,
        dpdSeconds: 2,
        ...change.connection,
        tunnels: [
          {
            key: `lab/ipsecTunnel/to-${other}`,
            name: `to-${other}`,
            enabled: true,
            start: side === 'here' ? 'start' : 'respond',
            proposals: [strong.esp],
            rekeySeconds: 3600,
            pairs: [{ name: `to-${other}.1`, local: networkOf[side], remote: networkOf[other] }],
            ...change.tunnel,
          },
          ...(change.connection?.tunnels ?? []),
        ],
      },
    ],
  };
}

export class IpsecLab {
  readonly machine: Machine;
  readonly #folder: string;
  readonly #held = new Map<Side, Artifact<StrongswanInput>>();
  #stock: ChildProcess | undefined;
  #authority: Artifact<PkiInput> | undefined;

  private constructor(machine: Machine, folder: string) {
    this.machine = machine;
    this.#folder = folder;
  }

  static async start(): Promise<IpsecLab> {
    const { machine, folder } = await labMachine();
    await mkdir(`${machine.run}/scan`, { recursive: true });
    spawn('s6-svscan', [`${machine.run}/scan`], { stdio: 'ignore' });
    const lab = new IpsecLab(machine, folder);
    try {
      await lab.#build();
    } catch (error) {
      await lab.stop();
      throw error;
    }
    return lab;
  }

  /** Runs a program that must succeed. */
  async sh(space: string, command: string, options?: RunOptions): Promise<string> {
    return (await must(this.machine, space, command.split(' '), { namespace: space, ...options })).stdout;
  }

  async #build(): Promise<void> {
    const { machine } = this;
    const spaces = ['here-host', 'here', 'middle', 'there', 'there-host'];
    for (const it of spaces) {
      await must(machine, it, ['ip', 'netns', 'add', machine.namespace(it)]);
      await this.sh(it, 'ip link set lo up');
      await this.sh(
        it,
        'sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0',
      );
    }
    const cable = async (
      a: string,
      [aName, aAddress]: readonly [string, string],
      b: string,
      [bName, bAddress]: readonly [string, string],
    ) => {
      await this.sh(a, `ip link add ${aName} type veth peer name ${bName} netns ${machine.namespace(b)}`);
      await this.sh(a, `ip addr add ${aAddress}/24 dev ${aName}`);
      await this.sh(b, `ip addr add ${bAddress}/24 dev ${bName}`);
      await this.sh(a, `ip link set ${aName} up`);
      await this.sh(b, `ip link set ${bName} up`);
    };
    for (const [n, side] of sides.entries()) {
      await cable(side, ['ext', addressOf[side]], 'middle', [side, addressOf[side].replace(/\.1$/, '.254')]);
      await cable(side, ['lan', `10.${n + 1}.0.1`], `${side}-host`, ['lan', hostOf[side]]);
      await this.sh(side, `ip route add default via ${addressOf[side].replace(/\.1$/, '.254')}`);
      await this.sh(`${side}-host`, `ip route add default via 10.${n + 1}.0.1`);
      // Whoever leaves in the clear would arrive: only then does its absence say anything.
      await this.sh('middle', `ip route add ${networkOf[side]} via ${addressOf[side]}`);
      // As the filter of a whole gateway has it.
      const rule = `oifname ext ip daddr ${networkOf[otherSide(side)]} rt ipsec missing drop`;
      await this.sh(side, 'nft add table ip guard');
      await this.sh(side, 'nft add chain ip guard forward { type filter hook forward priority 0 ; }');
      await this.sh(side, `nft add rule ip guard forward ${rule}`);
    }
  }

  /** An authority of the project, with certificates for both ends and for somebody else; `change` of that of `there`. */
  async certify(change: Partial<CertificateInput> = {}, more: Partial<InternalInput> = {}): Promise<PkiPaths> {
    const of = (name: string, rest: Partial<CertificateInput> = {}) => ({
      ...{ id: `certificate.${name}`, subject: { commonName: name }, names: [`${name}.example.com`] },
      ...{ usage: 'both', lifeDays: 30, ...rest },
    });
    const input = PkiInput.parse({
      ...{ type: 'internal', authority: 'lab.vpn', resource: 'lab/certificateAuthority/vpn', keyAlgorithm: 'ec-p256' },
      ...{ subject: { commonName: 'Lab VPN' }, lifeDays: 3650, crlDays: 30, ...more },
      certificates: [of('here'), of('there', change), of('other')],
    });
    const artifact = { id: 'pki/lab.vpn', engine: 'pki', owners: ['lab/certificateAuthority/vpn'], needs: [], input };
    await pkiEngine.apply(this.machine, artifact, this.#authority);
    this.#authority = artifact;
    return pkiPaths(this.machine, 'lab.vpn');
  }

  async hold(side: Side, input: StrongswanInput): Promise<void> {
    const artifact = { id: `strongswan/${side}`, engine: 'strongswan', owners: [input.owner], needs: [], input };
    const before = this.#held.get(side);
    this.#held.set(side, artifact);
    await strongswanEngine.apply(this.machine, artifact, before);
  }

  async drop(side: Side): Promise<void> {
    const artifact = this.#held.get(side);
    this.#held.delete(side);
    if (artifact !== undefined) await strongswanEngine.remove(this.machine, artifact);
  }

  held(side: Side): Artifact<StrongswanInput> {
    const found = this.#held.get(side);
    if (found === undefined) throw new Error(`${side} holds nothing`);
    return found;
  }

  status = (side: Side): Promise<IpsecStatus> => statusAt(ipsecPaths(this.machine, side).keeper);

  async tunnel(side: Side, name = `to-${otherSide(side)}`): Promise<TunnelStatus> {
    const found = (await this.status(side)).tunnels.find((it) => it.key === `lab/ipsecTunnel/${name}`);
    if (found === undefined) throw new Error(`${side} has no tunnel ${name}`);
    return found;
  }

  up = (side: Side, name?: string): Promise<TunnelStatus> =>
    eventually(
      () => this.tunnel(side, name),
      (it) => it.state === 'up',
    );

  /** Waits until a side says why its tunnel is not up. */
  failing = (side: Side): Promise<NonNullable<TunnelStatus['failure']>> =>
    eventually(
      async () => (await this.tunnel(side)).failure,
      (it) => it !== null,
    ) as Promise<NonNullable<TunnelStatus['failure']>>;

  /** Echo requests from one host to the other; how many were answered. */
  async pings(from: Side, count = 3, intervalMs = 200): Promise<number> {
    const argv = [
      'ping',
      '-n',
      '-c',
      String(count),
      '-i',
      String(intervalMs / 1000),
      '-W',
      '1',
      hostOf[otherSide(from)],
    ];
    const { stdout } = await this.machine.exec(argv, { namespace: `${from}-host` });
    return Number(/(\d+) received/.exec(stdout)?.[1] ?? 0);
  }

  /** A stock strongSwan at `there`, configured by a text that a person could have written into swanctl.conf. */
  async stock(swanctl: string, shown?: { readonly authority: string; readonly own: Signer }): Promise<void> {
    const folder = `${this.#folder}/stock`;
    await this.endStock();
    await mkdir(folder, { recursive: true });
    const plugins =
      'random nonce openssl kdf x509 pem revocation constraints pubkey pkcs1 pkcs8 aes sha2 hmac gcm curve25519';
    await writeFile(
      `${folder}/strongswan.conf`,
      `charon-systemd {
  load = ${plugins} kernel-libipsec kernel-netlink socket-default vici
  retransmit_tries = 2
  retransmit_timeout = 1
  journal { default = -1 }
  filelog { stderr { default = 1
    flush_line = yes } }
  plugins { vici { socket = unix://${folder}/vici } }
}
`,
    );
    await writeFile(`${folder}/swanctl.conf`, swanctl);
    const argv = [`--net=/run/netns/${this.machine.namespace('there')}`, '--', '/usr/sbin/charon-systemd'];
    const child = spawn('nsenter', argv, {
      env: { ...process.env, STRONGSWAN_CONF: `${folder}/strongswan.conf` },
      stdio: 'ignore',
    });
    this.#stock = child;
    await eventually(
      () => this.swanctl('--stats'),
      ({ code }) => code === 0,
    );
    for (const [place, file] of [
      ['x509ca/authority.pem', shown?.authority],
      ['x509/own.pem', shown?.own.certificate],
      ['private/own.pem', shown?.own.key],
    ]) {
      if (file === undefined) await rm(`${folder}/${place}`, { force: true });
      else await this.machine.writeFile(`${folder}/${place}`, await readFile(file));
    }
    const { code, stdout, stderr } = await this.swanctl('--load-all', '--clear');
    if (code !== 0) throw new Error(`swanctl: ${stdout}${stderr}`);
  }

  swanctl(verb: string, ...words: string[]) {
    const folder = `${this.#folder}/stock`;
    const env = { SWANCTL_DIR: folder };
    return this.machine.exec(['swanctl', verb, ...words, '--uri', `unix://${folder}/vici`], { env });
  }

  async endStock(): Promise<void> {
    const child = this.#stock;
    this.#stock = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await ended;
    await this.machine.exec(['ip', 'route', 'flush', 'table', '220'], { namespace: 'there' });
  }

  events = async (side: Side): Promise<readonly Record<string, unknown>[]> =>
    (await readFile(ipsecPaths(this.machine, side).events, 'utf8').catch(() => ''))
      .split('\n')
      .filter((it) => it.startsWith('{'))
      .map((it) => JSON.parse(it) as Record<string, unknown>);

  async stop(): Promise<void> {
    await this.endStock();
    for (const side of sides) await this.drop(side).catch(() => {});
    await this.machine.exec(['s6-svscanctl', '-t', `${this.machine.run}/scan`]);
    for (const it of ['here-host', 'here', 'middle', 'there', 'there-host'])
      await this.machine.exec(['ip', 'netns', 'delete', this.machine.namespace(it)]);
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }).catch(() => {});
  }
}
