import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import type { Server } from 'node:http';
import { dirname } from 'node:path';
import type { ServiceFile } from '#engines/gateway-service/input.ts';
import type { GatewayStatus, Steer } from '#engines/gateway-service/status.ts';
import { type RoleSince, roleOf } from '#engines/keepalived/observe.ts';
import { arbitrate, fresh, isAble, isParted, type Memory, type Report } from './arbitration.ts';
import { Files } from './files.ts';
import { type Hearing, hear, nothingHeard, type Way, ways } from './hearing.ts';
import { decode, encode } from './heartbeat.ts';
import { type Kept, keepFile, readKept, withChange } from './kept.ts';
import { operatorServer } from './operator.ts';
import { Probes } from './probe.ts';
import { openWays, type Ways } from './ways.ts';

export interface NodeParts {
  readonly input: ServiceFile;
  /** Version of the program. */
  readonly version: string;
  /** Hash of the file that the input came from. */
  readonly hash: string;
  /** Where the role stands. */
  readonly role: string;
  /** Folder of what is said to keepalived. */
  readonly folder: string;
  readonly socket: string;
  readonly kept: string;
}

/** Milliseconds after the start in which nothing is decided: nobody can have been heard yet. */
const LISTENING = 400;
/** Heartbeats that may be missing before a way counts as silent. */
const SILENT = 5;
/** Milliseconds for which a switch by hand is tried. */
const SWITCHING = 3000;
/** Milliseconds after which what is said to keepalived is said again, so that its age tells that somebody stands behind it. */
const RENEW = 1000;

/** One node of a cluster: hears the other on two ways, and tells keepalived when it must not be active. */
export class GatewayNode {
  readonly #parts: NodeParts;
  readonly #probes: Probes;
  readonly #files: Files;
  readonly #ways: Ways;
  readonly #operator: Server;
  readonly #timer: NodeJS.Timeout;
  readonly #born = performance.now();
  #kept: Kept;
  #hearing: Hearing;
  #memory: Memory = fresh;
  #role: RoleSince;
  #reach: Report['reach'] = {};
  #number = 0;
  #refused = 0;
  #said: { readonly hold: boolean; readonly at: number } | undefined;
  #switchUntil = 0;
  #wantUntil = 0;
  /** Why the role changes next, as far as this node is its cause. */
  #reason: string | undefined;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    const { input } = parts;
    const kept = readKept(this.#keptFile);
    this.#kept = { ...kept, life: Math.max(Date.now(), kept.life + 1) };
    this.#save();
    this.#hearing = nothingHeard(this.#kept.life);
    this.#role = this.#readRole();
    this.#sayMaintenance();
    this.#probes = new Probes(input.interfaces);
    const active = () => this.#role.role === 'active';
    this.#files = new Files({ input, folder: `${parts.kept}/replicated`, active });
    this.#ways = openWays(input, (datagram, way) => this.#onDatagram(datagram, way));
    this.#operator = operatorServer(parts.socket, { status: () => this.status(), steer: (it) => this.steer(it) });
    // Decided after what has arrived was read: a process that was kept waiting must not take that for silence.
    this.#timer = setInterval(() => setImmediate(() => this.#turn()), input.heartbeatMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#probes.stop();
    this.#files.stop();
    this.#ways.close();
    this.#operator.close();
    this.#operator.closeAllConnections();
  }

  status(): GatewayStatus {
    const now = performance.now();
    const { newest, last } = this.#hearing;
    const heard = (way: Way) => {
      const it = last[way];
      return { ageMs: it === undefined ? null : now - it.at, roundTripMs: it?.roundTripMs ?? null };
    };
    const { hashes } = this.#parts.input;
    const sections = [...new Set([...Object.keys(hashes), ...Object.keys(newest?.hashes ?? {})])].sort();
    const differs = sections.filter((it) => hashes[it] !== newest?.hashes[it]);
    const { forced, maintenance, changes } = this.#kept;
    return {
      input: this.#parts.hash,
      version: this.#parts.version,
      ...this.#role,
      forced,
      maintenance,
      hold: this.#memory.hold ?? null,
      reach: { ...this.#reach },
      traffic: heard('traffic'),
      link: heard('link'),
      peer:
        newest === undefined
          ? null
          : { role: newest.report.role, version: newest.version, maintenance: newest.report.maintenance, differs },
      refused: this.#refused,
      changes: changes.slice(0, 20),
      files: { ...this.#files.copied },
      memory: process.memoryUsage.rss(),
    };
  }

  /** Undefined: done. Otherwise why not. */
  steer(wish: Steer): string | undefined {
    const peer = this.#peer();
    if (wish.part === 'maintenance') {
      if (wish.state === 'on' && peer?.maintenance === true) return 'the other node is in maintenance';
      if (wish.state === 'on' && this.#role.role === 'active' && peer?.able !== true)
        return 'no other node can take over';
      this.#kept = { ...this.#kept, maintenance: wish.state === 'on' };
      this.#save();
      this.#sayMaintenance();
    } else if (wish.state === 'switch') {
      if (this.#role.role === 'active' && peer?.able !== true) return 'no other node can take over';
      if (this.#role.role !== 'active' && peer?.role !== 'active') return 'the other node is not active';
      if (this.#role.role === 'active') this.#switchUntil = performance.now() + SWITCHING;
      else this.#wantUntil = performance.now() + SWITCHING;
    } else {
      this.#kept = { ...this.#kept, forced: wish.state };
      this.#save();
    }
    this.#turn();
    return undefined;
  }

  get #keptFile(): string {
    return `${this.#parts.kept}/node.json`;
  }

  #save(): void {
    keepFile(this.#keptFile, JSON.stringify(this.#kept));
  }

  #sayMaintenance(): void {
    writeFileSync(`${this.#parts.folder}/maintenance`, this.#kept.maintenance ? '1\n' : '0\n');
  }

  #readRole(): RoleSince {
    try {
      return roleOf(readFileSync(this.#parts.role, 'utf8'));
    } catch {
      return { role: 'stopped', since: 0 };
    }
  }

  /** What the other says of itself, as long as it is heard at all. */
  #peer(): Report | undefined {
    const limit = performance.now() - SILENT * this.#parts.input.heartbeatMs;
    const heard = ways.some((it) => (this.#hearing.last[it]?.at ?? -Infinity) >= limit);
    return heard ? this.#hearing.newest?.report : undefined;
  }

  #own(): Report {
    const { hold } = this.#memory;
    const { forced, maintenance } = this.#kept;
    const { role } = this.#role;
    return {
      role,
      priority: this.#parts.input.priority,
      yielding: this.#memory.yield !== undefined || (role === 'active' && hold !== undefined),
      able: isAble({ role, forced, maintenance }, hold),
      wants: performance.now() < this.#wantUntil && role !== 'active',
      forced,
      maintenance,
      reach: this.#reach,
      lately: this.#probes.lately(),
      quietMs: this.#probes.quietMs(this.#parts.input.traffic.interface),
    };
  }

  #onDatagram(datagram: Buffer, way: Way): void {
    const { input } = this.#parts;
    const heartbeat = decode(datagram, way, input.secret);
    const expected = heartbeat?.cluster === input.cluster && heartbeat.node === input.peer;
    const next = expected ? hear(this.#hearing, heartbeat, way, performance.now()) : 'refused';
    if (next === 'refused') {
      this.#refused++;
      return;
    }
    const before = this.#hearing;
    this.#hearing = next;
    if (next.peer !== before.peer) this.#files.forget();
    const gap =
      way === 'link' && next.last.link !== undefined ? next.last.link.at - (before.last.link?.at ?? -Infinity) : 0;
    if (next.peer !== before.peer || gap > SILENT * input.heartbeatMs) this.#requestConnections();
    this.#decide();
  }

  /** The link was silent, or the other was away: what did not change meanwhile must be told again. */
  #requestConnections(): void {
    try {
      const pipe = openSync(`${dirname(this.#parts.role)}/requests`, constants.O_WRONLY | constants.O_NONBLOCK);
      writeSync(pipe, 'again\n');
      closeSync(pipe);
    } catch {
      // Nobody reads it: there is no connection tracking here, or its reader is about to start and does so by itself.
    }
  }

  #turn(): void {
    const role = this.#readRole();
    if (role.role !== this.#role.role) this.#changed(role);
    this.#role = role;
    this.#decide();
    this.#send();
  }

  #changed(to: RoleSince): void {
    if (to.role === 'active') this.#probes.grace();
    const reason = this.#reason ?? this.#guess(to);
    this.#reason = undefined;
    const change = { at: to.since, from: this.#role.role, to: to.role, reason };
    this.#kept = withChange(this.#kept, change);
    this.#save();
    console.log(JSON.stringify({ time: new Date().toISOString(), process: 'gateway', ...change }));
  }

  #guess({ role }: RoleSince): string {
    const peer = this.#peer();
    if (role === 'fault') return 'a tracked interface has no carrier';
    if (role === 'stopped') return 'keepalived ended';
    if (role === 'standby') return this.#role.role === 'active' ? 'the other node announced itself' : 'it is fit again';
    if (peer === undefined) return 'the other node was silent';
    return peer.yielding ? 'the other node gave the role away' : `the other node was ${peer.role}`;
  }

  #decide(): void {
    const now = performance.now();
    const { heartbeatMs, traffic } = this.#parts.input;
    const { last, newest } = this.#hearing;
    const setting = { heartbeatMs, interface: traffic.interface };
    const parted = isParted({ now, traffic: last.traffic, link: last.link }, setting);
    this.#reach = this.#probes.reach(this.#role.role === 'active', parted ? traffic.interface : undefined);
    if (now - this.#born < LISTENING) return;
    const view = {
      now,
      own: this.#own(),
      switching: now < this.#switchUntil,
      traffic: last.traffic,
      link: last.link,
      peer: newest?.report,
    };
    const before = this.#memory.hold;
    this.#memory = arbitrate(this.#memory, view, setting);
    const { hold } = this.#memory;
    if (hold !== undefined && hold !== before) this.#reason = hold;
    if (this.#memory.yield !== undefined) this.#switchUntil = 0;
    this.#say(hold !== undefined, now);
    // The other must know at once: it waits for the word.
    if (hold !== before) this.#send();
  }

  #say(hold: boolean, now: number): void {
    if (this.#said?.hold === hold && now - this.#said.at < RENEW) return;
    this.#said = { hold, at: now };
    writeFileSync(`${this.#parts.folder}/hold`, hold ? '1\n' : '0\n');
  }

  #send(): void {
    const { input } = this.#parts;
    const now = performance.now();
    this.#number++;
    for (const way of ways) {
      const last = this.#hearing.last[way];
      const { peer } = this.#hearing;
      const heartbeat = {
        cluster: input.cluster,
        node: input.node,
        life: this.#hearing.own,
        number: this.#number,
        sent: now,
        to: this.#hearing.to,
        ...(last === undefined || peer === undefined
          ? {}
          : { echo: { life: peer, sent: last.sent, heldMs: now - last.at } }),
        report: this.#own(),
        hashes: input.hashes,
        version: this.#parts.version,
      };
      this.#ways.send(way, encode(heartbeat, way, input.secret));
    }
  }
}
