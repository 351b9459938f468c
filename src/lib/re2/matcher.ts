import { isWord } from './classes.ts';
import { type Member, PatternError, type PatternMistake } from './reader.ts';
import { type Assertion, type Node, parsePattern } from './syntax.ts';

/** Says whether a pattern occurs anywhere in a text. */
export interface Matcher {
  readonly source: string;
  test(text: string): boolean;
}

export interface MatcherLimits {
  /** Characters of the pattern; default 1,000. */
  readonly length?: number;
  /** Instructions that it may unfold to; default 2,000. */
  readonly size?: number;
}

/**
 * Compiles a pattern in RE2's syntax. Like RE2 it runs in time linear in the text whatever the pattern: the automaton's
 * states are made as they are met and kept, at most {@link mostStates} of them. JavaScript's own engine would backtrack.
 */
export function compilePattern(
  source: string,
  limits: MatcherLimits = {},
): { readonly matcher: Matcher } | { readonly mistake: PatternMistake } {
  const { length = 1000, size = 2000 } = limits;
  if (source.length > length) {
    return { mistake: { offset: length, message: `the pattern is longer than ${length} characters` } };
  }
  try {
    const program = assemble(parsePattern(source), size);
    return { matcher: { source, test: automaton(program) } };
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return { mistake: { offset: error.offset, message: error.message } };
  }
}

type Instruction =
  | { readonly kind: 'match' }
  | { readonly kind: 'set'; readonly member: Member; readonly next: number }
  | { readonly kind: 'assert'; readonly assertion: Assertion; readonly next: number }
  | { readonly kind: 'split'; readonly targets: number[] };

interface Program {
  readonly instructions: readonly Instruction[];
  readonly start: number;
}

/** Instructions are laid down from the end, so that each knows where it goes on. */
function assemble(root: Node, size: number): Program {
  const instructions: Instruction[] = [{ kind: 'match' }];
  const add = (instruction: Instruction): number => {
    if (instructions.length >= size) throw new PatternError(0, 'the pattern unfolds to too many steps');
    return instructions.push(instruction) - 1;
  };
  const lay = (node: Node, next: number): number => {
    switch (node.kind) {
      case 'empty':
        return next;
      case 'set':
        return add({ kind: 'set', member: node.member, next });
      case 'assert':
        return add({ kind: 'assert', assertion: node.assertion, next });
      case 'sequence':
        return node.parts.reduceRight((after, part) => lay(part, after), next);
      case 'choice':
        return add({ kind: 'split', targets: node.parts.map((part) => lay(part, next)) });
      case 'repeat':
        return repeat(node, next);
    }
  };
  const repeat = ({ node, least, most }: Extract<Node, { kind: 'repeat' }>, next: number): number => {
    let at = next;
    if (most === undefined) {
      const targets = [next];
      at = add({ kind: 'split', targets });
      targets.push(lay(node, at));
    } else {
      for (let i = least; i < most; i++) at = add({ kind: 'split', targets: [lay(node, at), next] });
    }
    for (let i = 0; i < least; i++) at = lay(node, at);
    return at;
  };
  return { instructions, start: lay(root, 0) };
}

/** What stands before a place: it decides the assertions there. */
type Before = 'start' | 'newline' | 'word' | 'other';

interface State {
  /** Instructions to go on from, before anything that takes no character. */
  readonly places: readonly number[];
  readonly before: Before;
  readonly next: Map<number, State | 'matched'>;
}

const end = -1;
const mostStates = 1000;
const mostMoves = 512;

const kindOf = (codePoint: number): Before => (codePoint === 10 ? 'newline' : isWord(codePoint) ? 'word' : 'other');

function automaton(program: Program): (text: string) => boolean {
  let states = new Map<string, State>();
  const stateOf = (places: readonly number[], before: Before): State => {
    const key = `${before} ${places.join(' ')}`;
    const known = states.get(key);
    if (known !== undefined) return known;
    if (states.size >= mostStates) states = new Map();
    const state: State = { places, before, next: new Map() };
    states.set(key, state);
    return state;
  };
  const step = (state: State, codePoint: number): State | 'matched' => {
    const reached = new Set<number>();
    for (const place of reachable(program, state, codePoint)) {
      const instruction = program.instructions[place];
      if (instruction?.kind === 'match') return 'matched';
      if (instruction?.kind === 'set' && codePoint !== end && instruction.member(codePoint)) {
        reached.add(instruction.next);
      }
    }
    reached.add(program.start);
    return stateOf(
      [...reached].sort((a, b) => a - b),
      kindOf(codePoint),
    );
  };
  const move = (state: State, codePoint: number): State | 'matched' => {
    const known = state.next.get(codePoint);
    if (known !== undefined) return known;
    const next = step(state, codePoint);
    if (state.next.size < mostMoves) state.next.set(codePoint, next);
    return next;
  };
  return (text) => {
    let state = stateOf([program.start], 'start');
    for (let i = 0; i < text.length; i++) {
      const codePoint = text.codePointAt(i) ?? 0;
      if (codePoint > 0xffff) i += 1;
      const next = move(state, codePoint);
      if (next === 'matched') return true;
      state = next;
    }
    return move(state, end) === 'matched';
  };
}

/** Everything that can be reached from a state without taking a character, given the one that comes next. */
function reachable(program: Program, state: State, codePoint: number): ReadonlySet<number> {
  const seen = new Set<number>();
  const open = [...state.places];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (seen.has(place)) continue;
    seen.add(place);
    const instruction = program.instructions[place];
    if (instruction?.kind === 'split') open.push(...instruction.targets);
    else if (instruction?.kind === 'assert' && holds(instruction.assertion, state.before, codePoint)) {
      open.push(instruction.next);
    }
  }
  return seen;
}

function holds(assertion: Assertion, before: Before, codePoint: number): boolean {
  switch (assertion) {
    case 'text-start':
      return before === 'start';
    case 'text-end':
      return codePoint === end;
    case 'line-start':
      return before === 'start' || before === 'newline';
    case 'line-end':
      return codePoint === end || codePoint === 10;
    case 'word':
      return (before === 'word') !== (codePoint !== end && isWord(codePoint));
    case 'not-word':
      return (before === 'word') === (codePoint !== end && isWord(codePoint));
  }
}
