import type { UrlFilterStatus } from '#engines/squid/policy.ts';
import type { Decision } from './decide.ts';
import { blockPage } from './page.ts';
import type { PolicyFile } from './policy-file.ts';
import { answerOf, noAnswer, parseQuestion } from './protocol.ts';

export interface AnsweringParts {
  readonly policy: PolicyFile;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Another for every run; references begin with it. */
  readonly run: string;
}

/** Answers squid's questions, one line each, and counts. */
export class Answering {
  readonly #parts: AnsweringParts;
  readonly #counts = new Map<string, { allowed: number; blocked: number }>();
  #number = 0;

  constructor(parts: AnsweringParts) {
    this.#parts = parts;
  }

  /** Undefined for what is no question: it has no number that an answer could go to. */
  answer(line: string): string | undefined {
    const question = parseQuestion(line);
    if (question === undefined) return undefined;
    const { policy, now, run } = this.#parts;
    const judge = policy.taken?.judge;
    if (judge === undefined) return noAnswer(question.channel);
    const at = now();
    const decision = judge.decide(question.asked, at);
    this.#count(decision);
    this.#number += 1;
    const ref = `${run}-${this.#number.toString(36)}`;
    const page = decision.verdict === 'block' && !question.asked.tls ? blockPage(decision, { ref, now: at }) : '';
    return answerOf(question.channel, decision, { ref, page });
  }

  status(): UrlFilterStatus {
    const { policy, run } = this.#parts;
    const { taken, refused } = policy;
    const lists = [...(taken?.lists ?? [])].map(
      ([name, it]) => [name, it.domains.length + it.exceptions.length] as const,
    );
    return {
      policy: taken?.hash ?? '',
      epoch: run,
      ...(refused === undefined ? {} : { refused }),
      lists: Object.fromEntries(lists),
      decisions: Object.fromEntries(this.#counts),
    };
  }

  #count({ rule, profile, verdict }: Decision): void {
    const key = rule?.id ?? profile?.id;
    if (key === undefined) return;
    const known = this.#counts.get(key) ?? { allowed: 0, blocked: 0 };
    known[verdict === 'allow' ? 'allowed' : 'blocked'] += 1;
    this.#counts.set(key, known);
  }
}
