import type { EveAlert } from '#engines/suricata/eve.ts';
import { type Severity, severities, type ThreatDefinition, type ThreatType } from './threat.ts';

/** A rule of the pack, an imported set or a site, as its authors describe it. */
export interface CatalogueRule {
  readonly sid: number;
  readonly threatId: string;
  readonly name: string;
  readonly severity: string;
  readonly type: string;
  readonly category: string;
  readonly cves: readonly string[];
  readonly description: string;
  readonly references: readonly string[];
}

/** What the words of a class of rules (as in classification.config) mean. */
export interface ClassMeaning {
  readonly category: string;
  readonly type: ThreatType;
}

export type Catalogue = (alert: EveAlert) => ThreatDefinition;

/** Rules without description that are remembered; beyond them they are described anew. */
const strangerLimit = 10_000;

/** Finds what a signature stands for. A rule that nobody described gets the engine's own words and priority. */
export function catalogueOf(
  rules: Iterable<CatalogueRule>,
  classes: Readonly<Record<string, ClassMeaning>> = {},
): Catalogue {
  const bySignature = new Map([...rules].map((it) => [it.sid, definitionOf(it)]));
  const strangers = new Map<string, ThreatDefinition>();
  return (alert) => {
    const known = bySignature.get(alert.signatureId);
    if (known !== undefined) return known;
    const key = `${alert.signatureId} ${alert.priority} ${alert.category} ${alert.signature}`;
    const met = strangers.get(key);
    if (met !== undefined) return met;
    const made = strangerOf(alert, classes[alert.category]);
    if (strangers.size >= strangerLimit) strangers.clear();
    strangers.set(key, made);
    return made;
  };
}

function definitionOf(rule: CatalogueRule): ThreatDefinition {
  const severity = severities.find((it) => it === rule.severity) ?? 'MEDIUM';
  const type = rule.type === 'spyware' || rule.type === 'virus' ? rule.type : 'vulnerability';
  const { threatId, name, category, description } = rule;
  return {
    threatId,
    name,
    severity,
    type,
    category,
    cves: [...rule.cves],
    description,
    references: [...rule.references],
  };
}

const byPriority: readonly Severity[] = ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'INFORMATIONAL'];

function strangerOf(alert: EveAlert, meaning: ClassMeaning | undefined): ThreatDefinition {
  return {
    threatId: String(alert.signatureId),
    name: alert.signature.slice(0, 1024),
    severity: byPriority[Math.max(1, Math.min(5, alert.priority)) - 1] ?? 'MEDIUM',
    type: meaning?.type ?? 'vulnerability',
    category: meaning?.category ?? (alert.category === '' ? 'unknown' : alert.category.slice(0, 1024)),
    cves: [],
    description: '',
    references: [],
  };
}
