import { arbitrate, fresh, type Heard, isAble, isParted, type Memory, type Report } from './arbitration.ts';

/**
 * `lan`, `link`: one node's is cut silently. `deaf`: its VRRP is lost, and heartbeats are not. `power`, `service`,
 * `keepalived`: it is gone for a while. `switch`: a person asks it to give its role away.
 */
export interface Fault {
  readonly kind: 'lan' | 'link' | 'power' | 'service' | 'keepalived' | 'deaf' | 'switch';
  readonly node: number;
  readonly from: number;
  readonly lasts: number;
}

export interface Setting {
  readonly broken: readonly Fault[];
  readonly seed: number;
  /** Part of heartbeats and advertisements that is lost. */
  readonly loss: number;
  /** Heartbeats take up to so long. */
  readonly delayMs: number;
}

export interface Seen {
  /** Milliseconds. */
  readonly longestDouble: number;
  readonly atEnd: number;
  readonly story: readonly string[];
}

interface Node {
  role: Report['role'];
  hold: boolean;
  memory: Memory;
  /** keepalived: when it last heard an advertisement, or became a standby. */
  heardAt: number;
  reachedAt: number;
  number: number;
  traffic: Heard | undefined;
  link: Heard | undefined;
  peer: Report | undefined;
  peerNumber: number;
  serviceSince: number;
}

interface Message {
  readonly at: number;
  readonly to: number;
  readonly way: 'traffic' | 'link';
  readonly number: number;
  readonly report: Report;
}

const STEP = 10;
const BEAT = 50;
const ADVERT = 100;
const END = 40_000;
/** In the last milliseconds nothing is lost. */
const CALM = 5000;

function randomOf(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const node = (): Node => ({
  role: 'standby',
  hold: false,
  memory: fresh,
  heardAt: 0,
  reachedAt: 0,
  number: 0,
  traffic: undefined,
  link: undefined,
  peer: undefined,
  peerNumber: 0,
  serviceSince: 0,
});

/** Two nodes, each with a model of keepalived and the real arbitration, in a world where time is a number. */
export function runPair({ broken, seed, loss, delayMs }: Setting): Seen {
  const random = randomOf(seed);
  const pair = [node(), node()];
  const story: string[] = [];
  let messages: Message[] = [];
  let double = 0;
  let longest = 0;
  const is = (kind: Fault['kind'], who: number, now: number): boolean =>
    broken.some((it) => it.kind === kind && it.node === who && now >= it.from && now < it.from + it.lasts);
  const priorityOf = (who: number): number => 150 - 50 * who;
  const lost = (now: number): boolean => now < END - CALM && random() < loss;
  const passes = (way: 'lan' | 'link', now: number): boolean =>
    ![0, 1].some((it) => is(way, it, now) || is('power', it, now));
  const become = (who: number, it: Node, role: Report['role'], now: number): void => {
    if (it.role === role) return;
    story.push(`${now} ${who} ${it.role}>${role}${it.memory.hold === undefined ? '' : ` (${it.memory.hold})`}`);
    it.role = role;
    if (role === 'standby') it.heardAt = now;
  };

  const keepalived = (who: number, it: Node, now: number): void => {
    const off = is('power', who, now) || is('keepalived', who, now);
    if (off || it.hold) {
      become(who, it, off ? 'stopped' : 'fault', now);
      return;
    }
    if (it.role === 'fault' || it.role === 'stopped') become(who, it, 'standby', now);
    const [other, otherWho] = [pair[1 - who], 1 - who];
    const hears = passes('lan', now) && ![0, 1].some((one) => is('deaf', one, now));
    if (now % ADVERT === 0 && hears && other?.role === 'active' && !lost(now)) {
      if (it.role === 'standby') it.heardAt = now;
      if (it.role === 'active' && priorityOf(otherWho) > priorityOf(who)) become(who, it, 'standby', now);
    }
    const patience = 3 * ADVERT + ((256 - priorityOf(who)) * ADVERT) / 256;
    if (it.role === 'standby' && now - it.heardAt > patience) become(who, it, 'active', now);
  };

  const service = (who: number, it: Node, now: number): void => {
    if (is('power', who, now) || is('service', who, now)) {
      // What it held is let go when nobody has stood behind it for five seconds.
      if (it.memory !== fresh)
        Object.assign(it, { memory: fresh, traffic: undefined, link: undefined, peer: undefined, peerNumber: 0 });
      if (is('power', who, now) || now - it.serviceSince > 5000) it.hold = false;
      return;
    }
    if (it.memory === fresh && now - it.serviceSince > BEAT) it.reachedAt = Math.max(it.reachedAt, now - 100);
    const listening = it.peer === undefined && now - it.serviceSince > 100 ? now : undefined;
    it.serviceSince = now;
    if (!is('lan', who, now)) it.reachedAt = now;
    const setting = { heartbeatMs: BEAT, interface: 'lan' };
    const parted = isParted({ now, traffic: it.traffic, link: it.link }, setting);
    const quietMs = now - it.reachedAt;
    const own: Report = {
      role: it.role,
      priority: priorityOf(who),
      yielding: it.memory.yield !== undefined || (it.role === 'active' && it.hold),
      able: isAble({ role: it.role, maintenance: false, forced: 'automatic' }, it.memory.hold),
      wants: false,
      forced: 'automatic',
      maintenance: false,
      reach: { lan: quietMs > (parted ? 200 : 400) ? 'bad' : 'good' },
      lately: [],
      quietMs,
    };
    if (listening === undefined) {
      const { traffic, link, peer } = it;
      const view = { now, own, switching: is('switch', who, now), traffic, link, peer };
      it.memory = { ...arbitrate(it.memory, view, setting) };
      it.hold = it.memory.hold !== undefined;
    }
    it.number++;
    for (const way of ['traffic', 'link'] as const) {
      if (!passes(way === 'traffic' ? 'lan' : 'link', now) || lost(now)) continue;
      messages.push({ at: now + random() * delayMs, to: 1 - who, way, number: it.number, report: own });
    }
  };

  for (let now = 0; now < END; now += STEP) {
    const due = messages.filter((it) => it.at <= now);
    messages = messages.filter((it) => it.at > now);
    for (const { to, way, number, report } of due) {
      const it = pair[to];
      if (it === undefined || is('power', to, now) || is('service', to, now)) continue;
      if ((it[way]?.number ?? 0) < number) it[way] = { at: now, number };
      if (number > it.peerNumber) Object.assign(it, { peerNumber: number, peer: report });
    }
    for (const [who, it] of pair.entries()) {
      keepalived(who, it, now);
      if ((now + 20 * who) % BEAT === 0) service(who, it, now);
    }
    double = pair.every((it) => it.role === 'active') ? double + STEP : 0;
    longest = Math.max(longest, double);
  }
  return { longestDouble: longest, atEnd: pair.filter((it) => it.role === 'active').length, story };
}
