import { createHash } from 'node:crypto';
import type { Rule } from './rule.ts';
import {
  type Category,
  type ClassTarget,
  categories,
  classOf,
  foreignClasses,
  priorityOf,
  severities,
  type ThreatType,
  typeOf,
} from './taxonomy.ts';

/** What the console, the API and the logs show for a rule of the pack. */
export interface Threat {
  readonly sid: number;
  readonly rev: number;
  readonly threatId: string;
  readonly name: string;
  readonly severity: string;
  readonly type: string;
  readonly category: string;
  readonly cves: readonly string[];
  readonly description: string;
  readonly references: readonly string[];
}

export interface Pack {
  /** Changes when anything in the pack changes: 16 hex digits. */
  readonly version: string;
  readonly rules: string;
  readonly classification: string;
  readonly threats: readonly Threat[];
  /** By the name of a class of rules. */
  readonly classes: Readonly<Record<string, ClassTarget>>;
  /** By the words of a class, which are all that an alert carries of it. */
  readonly meanings: Readonly<Record<string, { readonly category: Category; readonly type: ThreatType }>>;
}

/** Every class of rule that may occur: our own (category and severity) and the customary foreign ones. */
export function allClasses(): Record<string, ClassTarget> {
  const own = (Object.keys(categories) as Category[]).flatMap((category) =>
    severities.map((severity) => {
      const type = typeOf(category);
      return [classOf(category, severity), { severity, type, category }] as const;
    }),
  );
  const entries = [...own, ...Object.entries(foreignClasses)] satisfies (readonly [string, ClassTarget])[];
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const classificationText = (classes: Readonly<Record<string, ClassTarget>>): string =>
  Object.entries(classes)
    .map(([name, it]) => `config classification: ${name},${categories[it.category]},${priorityOf(it.severity)}\n`)
    .join('');

const threatOf = (rule: Rule): string => String(rule.threat ?? rule.sid);

export function ruleText(rule: Rule): string {
  const options = [
    `msg:"${rule.name}"`,
    ...rule.match.map((it) => it.replace(/;$/, '')),
    ...(rule.oncePerFlow === true ? [`flowbits:isnotset,once.${rule.sid}`, `flowbits:set,once.${rule.sid}`] : []),
    ...(rule.silent === true ? ['noalert'] : []),
    `classtype:${classOf(rule.category, rule.severity)}`,
    `metadata:threat ${threatOf(rule)}`,
    `sid:${rule.sid}`,
    `rev:${rule.rev}`,
  ];
  return `alert ${rule.on} (${options.join('; ')};)`;
}

const threat = (rule: Rule): Threat => ({
  sid: rule.sid,
  rev: rule.rev,
  threatId: threatOf(rule),
  name: rule.name,
  severity: rule.severity,
  type: rule.type,
  category: rule.category,
  cves: rule.cves ?? [],
  description: rule.description,
  references: rule.references ?? [],
});

/** Pure: the same rules in any order give the same bytes. */
export function compilePack(rules: readonly Rule[]): Pack {
  const sorted = rules.toSorted((a, b) => a.sid - b.sid);
  const classes = allClasses();
  const text = `${sorted.map(ruleText).join('\n')}\n`;
  const classification = classificationText(classes);
  const threats = sorted.filter((rule) => rule.silent !== true).map(threat);
  const version = createHash('sha256')
    .update(JSON.stringify([text, classification, threats, classes]))
    .digest('hex')
    .slice(0, 16);
  const meanings = Object.fromEntries(
    (Object.keys(categories) as Category[]).map((category) => [
      categories[category],
      { category, type: typeOf(category) },
    ]),
  );
  return { version, rules: text, classification, threats, classes, meanings };
}

/** The catalogue as the file that the other parts read; laid out as the formatter of the house lays out JSON. */
export function catalogueText(pack: Pack): string {
  const write = (value: unknown, indent: string): string => {
    if (Array.isArray(value)) {
      const flat = `[${value.map((it) => JSON.stringify(it)).join(', ')}]`;
      const strings = value.every((it) => typeof it === 'string');
      if (value.length === 0 || (strings && flat.length + indent.length < 100)) return flat;
      return `[\n${value.map((it) => `${indent}  ${write(it, `${indent}  `)}`).join(',\n')}\n${indent}]`;
    }
    if (value === null || typeof value !== 'object') return JSON.stringify(value);
    const fields = Object.entries(value).map(
      ([key, it]) => `${indent}  ${JSON.stringify(key)}: ${write(it, `${indent}  `)}`,
    );
    return `{\n${fields.join(',\n')}\n${indent}}`;
  };
  return `${write({ version: pack.version, threats: pack.threats, classes: pack.classes }, '')}\n`;
}
