import { address as addressOf } from '#lib/ip.ts';
import type { Packet } from './evaluate.ts';
import { rangeAt } from './groups.ts';
import type { Direction } from './input.ts';
import type { FirewallModel, FirewallObject, Step, When } from './model.ts';
import { impliedNumber, type RuleNumber } from './numbers.ts';

/**
 * What the compiled model does with a packet: the kernel's part, played step by step. It takes as long for ten thousand
 * rules as for ten, so it also judges connections that run.
 */
export interface Interpretation {
  readonly verdict: 'allow' | 'deny';
  /** The number that ends up in the connection mark or was dropped; undefined when no class was asked. */
  readonly number: RuleNumber | undefined;
}

export function interpreterOf(model: FirewallModel): (packet: Packet) => Interpretation {
  const objects = new Map(model.objects.map((it) => [it.name, it]));
  const classes = {
    ingress: new Map(model.classes.ingress.map((it) => [it.address, it.chain])),
    egress: new Map(model.classes.egress.map((it) => [it.address, it.chain])),
  };
  const verdicts = (direction: Direction) => new Map(model.verdicts[direction].map((it) => [it.number, it.does]));
  const outcomes = { ingress: verdicts('ingress'), egress: verdicts('egress') };
  const judge = (direction: Direction, chain: string, packet: Packet) => {
    const peer = addressOf(direction === 'ingress' ? packet.source : packet.destination);
    const number = runChain(objects, chain, { packet, peer, mark: 0 });
    const outcome = outcomes[direction].get(number) ?? 'goto denied';
    const log = objects.get(outcome.replace('goto ', ''));
    const then = log?.kind === 'log' ? log.then : outcome;
    return { number, allowed: then === 'return' || then === 'goto allowed' };
  };
  return (packet) => {
    let number: RuleNumber | undefined;
    for (const direction of ['egress', 'ingress'] as const) {
      const own = addressOf(direction === 'egress' ? packet.source : packet.destination);
      const chain = classes[direction].get(own) ?? rangeAt(model.routed[direction], own)?.chain;
      if (chain === undefined) continue;
      const judged = judge(direction, chain, packet);
      number = judged.number;
      if (!judged.allowed) return { verdict: 'deny', number };
    }
    return { verdict: number === undefined ? 'deny' : 'allow', number };
  };
}

interface State {
  readonly packet: Packet;
  readonly peer: number;
  mark: number;
}

type Objects = ReadonlyMap<string, FirewallObject>;

function runChain(objects: Objects, name: string, state: State): RuleNumber {
  const chain = objects.get(name);
  if (chain?.kind !== 'chain') throw new RangeError(`no chain ${name}`);
  for (const step of chain.steps) if (runStep(objects, step, state) === 'leave') break;
  return state.mark;
}

/** Runs one step; "leave" ends the chain. */
function runStep(objects: Objects, step: Step, state: State): 'stay' | 'leave' {
  if ('when' in step && !holds(step.when, state)) return 'stay';
  switch (step.kind) {
    case 'mark':
      state.mark = step.value;
      return step.last ? 'leave' : 'stay';
    case 'lower':
      state.mark = Math.min(state.mark, step.value);
      return step.last ? 'leave' : 'stay';
    case 'go':
      runChain(objects, step.chain, state);
      return step.how === 'goto' ? 'leave' : 'stay';
    case 'look':
    case 'lowerBy': {
      const map = objects.get(step.map);
      if (map?.kind !== (step.kind === 'look' ? 'marks' : 'lowers')) throw new RangeError(`no map ${step.map}`);
      const span = rangeAt(map.spans, state.peer);
      if (span !== undefined) state.mark = step.kind === 'look' ? span.value : Math.min(state.mark, span.value);
      return 'stay';
    }
    case 'port': {
      const map = objects.get(step.map);
      if (map?.kind !== 'ports') throw new RangeError(`no map ${step.map}`);
      const { port } = state.packet;
      const entry = rangeAt(map.entries, port === undefined ? -1 : port & (step.mask ?? 0xffff));
      if (entry === undefined) return 'stay';
      runChain(objects, entry.chain, state);
      return map.how === 'goto' ? 'leave' : 'stay';
    }
    case 'address': {
      const map = objects.get(step.map);
      if (map?.kind !== 'addresses') throw new RangeError(`no map ${step.map}`);
      const entry = rangeAt(map.entries, state.peer);
      if (entry !== undefined) runChain(objects, entry.chain, state);
      return 'stay';
    }
    case 'judge':
      return 'leave';
  }
}

function holds(when: When | undefined, { packet, peer, mark }: State): boolean {
  if (when === undefined) return true;
  const port = packet.port ?? -1;
  return (
    (when.protocol === undefined || when.protocol === packet.protocol) &&
    (when.ports === undefined || (when.ports.from <= port && port <= when.ports.to)) &&
    (when.addresses === undefined || (when.addresses.from <= peer && peer <= when.addresses.to)) &&
    (when.unmatched === undefined || mark === impliedNumber)
  );
}
