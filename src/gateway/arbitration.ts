import type { Forced, Reach } from '#engines/gateway-service/status.ts';
import type { Role } from '#engines/keepalived/observe.ts';

/** What a node says of itself in its heartbeats. */
export interface Report {
  readonly role: Role;
  readonly priority: number;
  /** It is giving its role away. */
  readonly yielding: boolean;
  /** It would take over if it were let. */
  readonly able: boolean;
  /** It asks for the role. */
  readonly wants: boolean;
  readonly forced: Forced;
  readonly maintenance: boolean;
  readonly reach: Readonly<Record<string, Reach>>;
  /** Interfaces on which nothing answered within the last minute. */
  readonly lately: readonly string[];
  /** Milliseconds since anything answered on the traffic network; undefined: nothing is asked there, or the node is too old to say. */
  readonly quietMs?: number | undefined;
}

/** The last heartbeat of one way; they go out on both with the same number. */
export interface Heard {
  readonly at: number;
  readonly number: number;
}

export interface View {
  /** Milliseconds of a clock that only goes forward. */
  readonly now: number;
  readonly own: Report;
  /** Whether a person has asked this node, and not long ago, to give its role away. */
  readonly switching: boolean;
  readonly traffic: Heard | undefined;
  readonly link: Heard | undefined;
  /** The newest report of the other node, whichever way it came. */
  readonly peer: Report | undefined;
}

export interface Setting {
  readonly heartbeatMs: number;
  /** Name of the interface over which VRRP is spoken. */
  readonly interface: string;
}

export type Reason =
  | 'in maintenance'
  | 'cut off from everything'
  | 'the other node is active and well'
  | 'the other node is fitter'
  | 'forced standby'
  | 'switched by hand'
  | 'nothing answers on an interface'
  | 'two nodes were active';

/** What arbitration remembers from one look to the next. */
export interface Memory {
  readonly hold: Reason | undefined;
  /** Giving the role away, at the latest until. */
  readonly yield?: { readonly reason: Reason; readonly until: number };
  /** Since when both say that they are active. */
  readonly conflict?: number;
  /** Until then no live claim of the other is doubted, whichever way it comes. */
  readonly trusting?: number;
  /** Until then the role is not given away once more, because nobody took it. */
  readonly keeping?: number;
}

export const fresh: Memory = { hold: undefined };

/** Heartbeats that may be missing before a way counts as silent. */
const SILENCE = 5;
/** Heartbeats that came by the link and not by the traffic network. */
const DIVERGENCE = 3;
/** As many, until when a standby waits for what an active node will say of itself. VRRP takes over after about seven. */
const PATIENCE = 5;
/** Milliseconds within which a node that is not cut off was answered. */
const ANSWERED = 150;
/** Milliseconds that two active nodes are watched: a report may be older than a takeover. */
const CONFLICT = 300;
const YIELD = 3000;
const TRUST = 10_000;
const KEEP = 10_000;

const troubles = ({ reach }: Report): string[] =>
  Object.entries(reach).flatMap(([name, it]) => (it === 'bad' ? [name] : []));

/** Fewer silent interfaces first. One that the other cannot judge counts when it was silent there not long ago. */
function isFitter(peer: Report, own: Report): boolean {
  const doubtful = troubles(own).filter((it) => peer.reach[it] === 'unknown' && peer.lately.includes(it));
  return troubles(peer).length + doubtful.length < troubles(own).length;
}

type Ways = Pick<View, 'now' | 'traffic' | 'link'>;

const behind = ({ traffic, link }: Ways): number => (link?.number ?? 0) - (traffic?.number ?? 0);

const isHeard = (it: Heard | undefined, now: number, { heartbeatMs }: Setting): boolean =>
  it !== undefined && now - it.at <= SILENCE * heartbeatMs;

/** The other is heard by the link alone: one of the two is cut off from the traffic network. */
export const isParted = (view: Ways, setting: Setting): boolean =>
  isHeard(view.link, view.now, setting) && (!isHeard(view.traffic, view.now, setting) || behind(view) >= DIVERGENCE);

/**
 * Nothing has answered the active node since it was last heard here, and this node is answered: the other is about to find
 * that it is the one that is cut off. Whoever is held back now would have to wait for VRRP's silence all over again.
 */
function mayGiveWay(peer: Report, view: View, { heartbeatMs }: Setting): boolean {
  const missing = behind(view);
  const since = (missing - 1) * heartbeatMs;
  return missing <= PATIENCE && (peer.quietMs ?? 0) >= since && (view.own.quietMs ?? Infinity) <= ANSWERED;
}

const claims = (it: Report): boolean => it.role === 'active' && !it.yielding;

/** Both nodes come to the same answer, and so does VRRP as soon as they hear each other. */
const wins = (peer: Report, own: Report): boolean =>
  isFitter(peer, own) || (!isFitter(own, peer) && peer.priority > own.priority);

/**
 * Whether this node must not be active now. Pure. keepalived takes over by itself when it hears nothing; all that is said
 * here is when it must not, and when an active node must give way.
 */
export function arbitrate(memory: Memory, view: View, setting: Setting): Memory {
  const heard = (it: Heard | undefined): boolean => isHeard(it, view.now, setting);
  const peer = heard(view.traffic) || heard(view.link) ? view.peer : undefined;
  const { hold: _, ...rest } = memory;
  const kept = current(rest, view.now);
  if (view.own.maintenance) return { hold: 'in maintenance' };
  if (peer === undefined && view.own.reach[setting.interface] === 'bad') return { hold: 'cut off from everything' };
  if (kept.yield !== undefined) return yielding(kept, view, peer);
  if (view.own.role === 'active') return active(kept, view, peer);
  const { conflict: __, ...passive } = kept;
  return { ...passive, hold: passiveHold(passive, view, peer, setting) };
}

type Kept = Omit<Memory, 'hold'>;

function current({ trusting, keeping, ...rest }: Kept, now: number): Kept {
  return {
    ...rest,
    ...(trusting !== undefined && trusting > now ? { trusting } : {}),
    ...(keeping !== undefined && keeping > now ? { keeping } : {}),
  };
}

/** Until the other says that it is active, or nobody takes the role. */
function yielding({ yield: giving, ...kept }: Kept, view: View, peer: Report | undefined): Memory {
  if (giving === undefined) return { ...kept, hold: undefined };
  if (peer !== undefined && claims(peer) && view.own.role !== 'active') {
    // Two were active because they do not hear each other's VRRP, whatever their heartbeats do.
    if (giving.reason !== 'two nodes were active') return { ...kept, hold: undefined };
    return { ...kept, trusting: view.now + TRUST, hold: 'the other node is active and well' };
  }
  if (peer === undefined || view.now >= giving.until) return { ...kept, keeping: view.now + KEEP, hold: undefined };
  return { ...kept, yield: giving, hold: giving.reason };
}

function active(kept: Kept, view: View, peer: Report | undefined): Memory {
  const { conflict, ...rest } = kept;
  if (peer === undefined) return { ...rest, hold: undefined };
  const give = (reason: Reason): Memory => ({ ...rest, yield: { reason, until: view.now + YIELD }, hold: reason });
  if (claims(peer)) {
    const since = conflict ?? view.now;
    if (view.now - since >= CONFLICT && wins(peer, view.own)) return give('two nodes were active');
    return { ...rest, conflict: since, hold: undefined };
  }
  if (!peer.able) return { ...rest, hold: undefined };
  if (view.switching || peer.wants) return give('switched by hand');
  if (kept.keeping !== undefined) return { ...rest, hold: undefined };
  if (peer.forced === 'active' && view.own.forced !== 'active') return give('switched by hand');
  if (view.own.forced === 'standby' && peer.forced !== 'standby') return give('forced standby');
  if (isFitter(peer, view.own)) return give('nothing answers on an interface');
  return { ...rest, hold: undefined };
}

function passiveHold(kept: Kept, view: View, peer: Report | undefined, setting: Setting): Reason | undefined {
  if (peer === undefined) return undefined;
  if (claims(peer)) {
    if (kept.trusting !== undefined) return 'the other node is active and well';
    if (isParted(view, setting) && !mayGiveWay(peer, view, setting)) return 'the other node is active and well';
    if (isFitter(peer, view.own)) return 'the other node is fitter';
  }
  const standsBack = view.own.forced === 'standby' && peer.forced !== 'standby';
  return standsBack && (claims(peer) || peer.able) ? 'forced standby' : undefined;
}

/** What a node may say of itself: it would take over as soon as the other stops claiming. */
export const isAble = (own: Pick<Report, 'role' | 'maintenance' | 'forced'>, hold: Reason | undefined): boolean =>
  !own.maintenance &&
  ((own.role === 'standby' && hold === undefined) ||
    (own.role === 'fault' && (hold === 'the other node is active and well' || hold === 'the other node is fitter')));
