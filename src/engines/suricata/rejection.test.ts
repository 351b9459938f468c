import { expect, test } from 'vitest';
import { refusedRules, rejection, reservedLines } from './rejection.ts';

const output = `i: suricata: This is Suricata version 7.0.10 RELEASE running in SYSTEM mode
E: detect-parse: unknown rule keyword 'http.urii'.
E: detect: error parsing signature "alert http any any -> any any (http.urii; content:"x"; sid:5;)" from file /run/v/suricata/ids-a/site.rules at line 3
E: detect: error parsing signature "alert foo" from file /run/v/suricata/ids-a/pack.rules at line 9
E: suricata: Loading signatures failed.`;

test('a refused rule is named by file and line, with the words of the engine', () => {
  expect(refusedRules(output)).toEqual([
    {
      file: 'site.rules',
      line: 3,
      reason: "unknown rule keyword 'http.urii'.",
      rule: 'alert http any any -> any any (http.urii; content:"x"; sid:5;)',
    },
    { file: 'pack.rules', line: 9, reason: 'it is not a rule that the engine understands', rule: 'alert foo' },
  ]);
});

test('several refused rules become one problem with a mistake for each', () => {
  const problem = rejection('lab/idsEndpoint/one', output);
  expect(problem.code).toBe('ENGINE_REJECTED');
  expect(problem.details.map((it) => it.at)).toEqual([
    'lab/idsEndpoint/one siteRules line 3',
    'lab/idsEndpoint/one pack.rules line 9',
  ]);
});

test('a refusal that names no rule keeps what the engine said', () => {
  const problem = rejection('lab/idsEndpoint/one', 'E: conf-yaml-loader: failed to open file: x: Permission denied');
  expect(problem.message).toContain('Permission denied');
});

test('rules with a number of the canaries are found, comments are not', () => {
  const rule = (sid: number) => `alert tcp any any -> any any (sid:${sid};)`;
  expect(reservedLines([rule(1), rule(9_000_050), `# ${rule(9_000_000)}`, rule(9_000_100)].join('\n'))).toEqual([2]);
});
