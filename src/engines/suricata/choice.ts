import { type SuricataInput, severities } from './input.ts';

/** A rule as the pack's catalogue has it. */
export interface Catalogued {
  readonly sid: number;
  readonly threatId: string;
  readonly severity: (typeof severities)[number];
}

const rankOf = (severity: Catalogued['severity']): number => severities.indexOf(severity);

/**
 * Rules without those that are left out; of those that are catalogued the grave ones drop what they match. A rule that
 * only remembers something never drops, and what a site wrote stays as it wrote it. Lines keep their numbers.
 */
export function chosenRules(
  rules: string,
  { without, inline }: Pick<SuricataInput, 'without' | 'inline'>,
  catalogue: readonly Catalogued[] = [],
): string {
  const least = inline?.dropFrom === undefined ? undefined : rankOf(inline.dropFrom);
  if (without.length === 0 && least === undefined) return rules;
  const known = new Map(catalogue.map((it) => [it.sid, it]));
  const gone = new Set(without);
  const lines = rules.split('\n').map((line) => {
    const sid = /^[^#]*\bsid\s*:\s*(\d+)\s*;/.exec(line)?.[1];
    if (sid === undefined) return line;
    const it = known.get(Number(sid));
    if (gone.has(it?.threatId ?? sid)) return '';
    const drops = least !== undefined && it !== undefined && rankOf(it.severity) >= least;
    return drops && !/\bnoalert\s*;/.test(line) ? line.replace(/^alert\b/, 'drop') : line;
  });
  return lines.join('\n');
}
