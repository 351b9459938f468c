import type { ProblemDocument } from '#core/problem.ts';
import { keyOf, namePattern, nameRule, projectPattern, projectRule, type ResourceKey } from '#core/resource.ts';
import { singleName } from '#kinds/define.ts';
import { type AnyKind, kindNamed, kinds } from '#kinds/index.ts';
import { type Attachments, type PlacedDocument, parseDocuments } from '#lib/document.ts';
import { didYouMean, inSentence } from '#lib/text.ts';
import { parseBy } from './issues.ts';

/** One file of a site, as text. `path` is only for messages. */
export interface SiteFile {
  readonly path: string;
  readonly text: string;
  /** Contents of the files that it names with `!file`. */
  readonly attachments?: Attachments | undefined;
}

/** A resource as a person wrote it, parsed by its kind. */
export interface Declared {
  readonly project: string;
  readonly kind: AnyKind;
  readonly name: string;
  readonly spec: unknown;
  /** Where a field of the spec stands, as `site.yaml:12:9 firewallRules/allow-web sourceRanges[0]`. */
  place(path: readonly (string | number)[], what?: 'key' | 'value'): string;
}

export interface ParsedSite {
  readonly projects: readonly string[];
  readonly declared: readonly Declared[];
  readonly problems: readonly ProblemDocument[];
  /** Keys of resources that are named but could not be read: whoever refers to them has made no mistake. */
  readonly broken: readonly ResourceKey[];
}

/**
 * Reads a whole site: one file or several, each with one or more YAML documents; each document names its project. All
 * mistakes of all files are found in one go.
 */
export function parseSite(files: readonly SiteFile[]): ParsedSite {
  const problems: ProblemDocument[] = [];
  const declared: Declared[] = [];
  const broken: ResourceKey[] = [];
  const projects = new Set<string>();
  const seen = new Map<string, string>();
  for (const file of files) {
    const { documents, mistakes } = parseDocuments(file.text, {}, file.attachments);
    for (const { place, message, fix } of mistakes) {
      problems.push(invalid(`${file.path}:${place.line}:${place.column}`, message, fix));
    }
    for (const document of documents) {
      if (document.value === null) continue;
      const parsed = parseDocument(file, document);
      problems.push(...parsed.problems);
      broken.push(...parsed.broken);
      if (parsed.project !== undefined) projects.add(parsed.project);
      for (const it of parsed.declared) {
        const key = `${it.project}/${it.kind.plural}/${it.name}`;
        const first = seen.get(key);
        if (first !== undefined)
          problems.push({
            code: 'CONFLICTING',
            at: it.place([]),
            message: `it is declared twice, first at ${first}`,
            fix: 'Keep one of them.',
          });
        else seen.set(key, it.place([]));
        declared.push(it);
      }
    }
  }
  if (projects.size === 0 && problems.length === 0) {
    problems.push(invalid(files[0]?.path ?? 'site', 'no project is declared', 'Begin the file with `project: NAME`.'));
  }
  return { projects: [...projects].sort(), declared, problems, broken };
}

const invalid = (at: string, message: string, fix: string): ProblemDocument => ({
  code: 'INVALID_DOCUMENT',
  at,
  message,
  fix,
});

interface ParsedDocument extends Omit<ParsedSite, 'projects'> {
  readonly project?: string;
}

function parseDocument(file: SiteFile, document: PlacedDocument): ParsedDocument {
  const at = (path: readonly (string | number)[], what?: 'key' | 'value'): string => {
    const { line, column } = document.place(path, what);
    return `${file.path}:${line}:${column}`;
  };
  const root = document.value;
  if (!isMapping(root)) {
    return {
      declared: [],
      problems: [invalid(at([]), 'a site is a mapping of kinds to resources', 'Begin with `project: NAME`.')],
      broken: [],
    };
  }
  const { project } = root;
  if (typeof project !== 'string' || !projectPattern.test(project)) {
    const fix = 'Begin with `project: NAME`.';
    const it =
      project === undefined
        ? invalid(at([]), 'it does not say which project it is of', fix)
        : invalid(
            `${at(['project'])} project`,
            `${JSON.stringify(project)} is ${projectRule}`,
            renamed(String(project)),
          );
    return { declared: [], problems: [it], broken: [] };
  }
  const problems: ProblemDocument[] = [];
  const declared: Declared[] = [];
  const broken: ResourceKey[] = [];
  for (const [plural, group] of Object.entries(root)) {
    if (plural === 'project') continue;
    const kind = kindNamed(plural);
    if (kind === undefined || kind.plural !== plural) {
      problems.push(unknownKind(at([plural], 'key'), plural));
      continue;
    }
    if (group === null) continue;
    if (!isMapping(group)) {
      problems.push(
        invalid(
          `${at([plural])} ${plural}`,
          kind.single === true ? 'it is not a mapping' : 'it is not a mapping of names to resources',
          kind.single === true ? `Write \`${plural}: { ... }\`.` : `Write \`${plural}: { NAME: { ... } }\`.`,
        ),
      );
      continue;
    }
    for (const [name, value] of kind.single === true
      ? [[singleName(kind.kind), group] as const]
      : Object.entries(group)) {
      const above = kind.single === true ? [plural] : [plural, name];
      const place = (path: readonly (string | number)[], what?: 'key' | 'value'): string =>
        [at([...above, ...path], path.length === 0 ? 'key' : what), above.join('/'), dotted(path)]
          .filter(Boolean)
          .join(' ');
      const one = parseResource({ project, kind, name, value: value ?? {}, place });
      problems.push(...one.problems);
      if (one.declared !== undefined) declared.push(one.declared);
      else broken.push(keyOf({ project, kind: kind.kind, name }));
    }
  }
  return { project, declared, problems, broken };
}

function unknownKind(at: string, plural: string): ProblemDocument {
  const near = didYouMean(
    plural,
    kinds.map((it) => it.plural),
  );
  const fix =
    near === undefined
      ? `Known kinds are ${kinds
          .map((it) => it.plural)
          .sort()
          .join(', ')}.`
      : `Did you mean ${near}?`;
  return invalid(at, `there is no kind "${plural}"`, fix);
}

export interface Undeclared {
  readonly project: string;
  readonly kind: AnyKind;
  readonly name: string;
  readonly value: unknown;
  place(path: readonly (string | number)[], what?: 'key' | 'value'): string;
}

/** One resource, wherever it came from: a site file, a request, the command line. */
export function parseResource(it: Undeclared): {
  readonly declared?: Declared;
  readonly problems: readonly ProblemDocument[];
} {
  const problems: ProblemDocument[] = [];
  if (!projectPattern.test(it.project))
    problems.push(invalid('project', `${JSON.stringify(it.project)} is ${projectRule}`, renamed(it.project)));
  if (it.kind.single !== true && !namePattern.test(it.name)) {
    const fix = renamed(it.name, it.kind.alias?.(it.name));
    problems.push(invalid(it.place([], 'key'), `${JSON.stringify(it.name)} is ${nameRule}`, fix));
  }
  if (it.kind.single === true && it.name !== singleName(it.kind.kind)) {
    const message = `a project has one ${inSentence(it.kind.title)}, named ${singleName(it.kind.kind)}`;
    problems.push(invalid(it.place([], 'key'), message, `Name it ${singleName(it.kind.kind)}.`));
  }
  const parsed = parseBy<unknown>(it.kind.spec, it.value);
  if (!parsed.ok) {
    problems.push(
      ...parsed.mistakes.map((mistake) =>
        invalid(it.place(mistake.path, mistake.atKey ? 'key' : 'value'), mistake.message, mistake.fix),
      ),
    );
    return { problems };
  }
  if (problems.length > 0) return { problems };
  const { project, kind, name, place } = it;
  return { declared: { project, kind, name, spec: parsed.value, place }, problems };
}

const renamed = (text: string, near = asName(text)): string =>
  near === undefined ? 'Choose another name.' : `Did you mean ${near}?`;

/** The nearest name that the rule admits: `Web_1` becomes `web-1`. */
function asName(text: string): string | undefined {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '');
  return name !== text && namePattern.test(name) ? name : undefined;
}

/** `["interfaces", 0, "address"]` as `interfaces[0].address`. */
export const dotted = (path: readonly (string | number)[]): string =>
  path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');

const isMapping = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
