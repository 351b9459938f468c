import { Problem, type ProblemDocument } from '#core/problem.ts';

/** A rule that the engine did not take: file, line (from 1), the engine's words and the rule's text. */
export interface RefusedRule {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
  readonly rule: string;
}

const refusal = /error parsing signature "(.*)" from file (\S+) at line (\d+)/;

/** Reads what `suricata -T` printed. The reasons stand in the lines before the one that names the rule. Pure. */
export function refusedRules(output: string): RefusedRule[] {
  const refused: RefusedRule[] = [];
  let reasons: string[] = [];
  for (const text of output.split('\n')) {
    const said = /\bE(?:rror)?: [\w-]+: (.*)/.exec(text)?.[1];
    if (said === undefined) continue;
    const [, rule = '', path = '', line = '0'] = refusal.exec(said) ?? [];
    if (path === '') {
      reasons.push(said);
      continue;
    }
    const file = path.slice(path.lastIndexOf('/') + 1);
    const reason = reasons.join('; ') || 'it is not a rule that the engine understands';
    refused.push({ file, line: Number(line), reason, rule });
    reasons = [];
  }
  return refused;
}

/** The Problem for a configuration that the engine refused: by line where it names rules of the site. */
export function rejection(at: string, output: string): Problem {
  const refused = refusedRules(output);
  const documents = refused.slice(0, 20).map(({ file, line, reason, rule }): ProblemDocument => {
    const own = file === 'site.rules';
    return {
      code: 'ENGINE_REJECTED',
      at: `${at} ${own ? 'siteRules' : file} line ${line}`,
      message: `Suricata refused the rule: ${reason} (${shortened(rule)})`,
      fix: own
        ? 'Nothing was changed and the former rules stay in force. Correct this line, then apply again.'
        : 'Nothing was changed. Report this: the rule is one of ours.',
    };
  });
  if (documents.length > 0) return Problem.all(documents);
  const said = output
    .split('\n')
    .filter((line) => /\bE(?:rror)?: /.test(line))
    .join('; ');
  return new Problem('ENGINE_REJECTED', {
    at,
    message: `Suricata refused the configuration: ${(said || output.trim()).slice(0, 2000)}`,
    fix: 'Nothing was changed. `vauban doctor` shows what this machine lacks.',
  });
}

const shortened = (text: string): string => (text.length <= 160 ? text : `${text.slice(0, 157)}...`);

/** Lines (from 1) of rules that use a number kept for canaries. */
export function reservedLines(rules: string): number[] {
  return rules.split('\n').flatMap((text, index) => (/^[^#].*\bsid\s*:\s*90000\d\d\s*;/.test(text) ? [index + 1] : []));
}
