import { type Artifact, digestOf, inOrder } from '#core/artifact.ts';
import type { Step } from '#core/host.ts';
import type { Engines } from './engines.ts';

/** A step that knows both of its sides, so that it can be undone by whoever reads it back from the journal. */
export interface Transition extends Step {
  /** What is held before it; absent when it begins. */
  readonly before?: Artifact;
  /** What is held after it; absent when it ends. */
  readonly after?: Artifact;
}

/**
 * The way from one set of artifacts to another. The rule that its order keeps: **at every moment the machine lets through
 * nothing that neither the old set nor the new one allows**, whatever dies in between.
 *
 * 1. What goes is released, in reverse order of need: whoever is judged goes before his judge (a host's link needs its
 *    network's firewall, so it is cut before the firewall changes or goes).
 * 2. What says who somebody is and changes that (a link with another address, a translation to another host) is cut, too:
 *    otherwise the old holder of an address would for a moment be judged by the rules of the new one. Engines say so by
 *    `between`.
 * 3. Then the judges change and what is new comes, in order of need. A judge changes in one transaction. An address comes
 *    up only when everything that judges by addresses (firewall, NAT, metadata) knows it: links need those.
 *
 * Undoing goes the same way back, so it keeps the rule as well.
 */
export function transitions(held: readonly Artifact[], wanted: readonly Artifact[], engines: Engines): Transition[] {
  const old = new Map(held.map((it) => [it.id, it]));
  const now = new Map(wanted.map((it) => [it.id, it]));
  const cuts = inOrder(held)
    .toReversed()
    .flatMap((before): Transition[] => {
      const artifact = before.id;
      const after = now.get(artifact);
      if (after === undefined) return [{ action: 'release', artifact, before }];
      if (digestOf(before) === digestOf(after)) return [];
      if (before.engine !== after.engine) return [{ action: 'release', artifact, before }];
      const between = engines.get(before.engine)?.between?.(before.input, after.input);
      if (between === undefined) return [];
      if (between === 'nothing') return [{ action: 'release', artifact, before }];
      return [{ action: 'change', artifact, before, after: { ...before, input: between } }];
    });
  for (const { artifact, after } of cuts) {
    if (after === undefined) old.delete(artifact);
    else old.set(artifact, after);
  }
  const rest = inOrder(wanted).flatMap((after): Transition[] => {
    const artifact = after.id;
    const before = old.get(artifact);
    if (before === undefined) return [{ action: 'hold', artifact, after }];
    return digestOf(before) === digestOf(after) ? [] : [{ action: 'change', artifact, before, after }];
  });
  return [...cuts, ...rest];
}

/** The same step backwards. */
export function backwards({ artifact, before, after }: Transition): Transition {
  const action = before === undefined ? 'release' : after === undefined ? 'hold' : 'change';
  return {
    action,
    artifact,
    ...(after === undefined ? {} : { before: after }),
    ...(before === undefined ? {} : { after: before }),
  };
}
