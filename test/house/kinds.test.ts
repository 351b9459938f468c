import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { Artifact } from '#core/artifact.ts';
import { Artifact as ArtifactSchema } from '#core/artifact.ts';
import { emptySnapshot } from '#core/snapshot.ts';
import { engines } from '#host/engines.ts';
import { kindNamed, kinds } from '#kinds/index.ts';
import { plurals } from '#kinds/names.ts';
import { admit } from '#plan/admit.ts';
import { compile } from '#plan/compile.ts';
import { unwrapped } from '#plan/issues.ts';
import { refOf } from '#plan/references.ts';
import { siteSchema } from '#plan/schema.ts';
import { parseSite } from '#plan/site.ts';

/** A site as data; JSON is YAML. */
const compiled = (site: Readonly<Record<string, unknown>>): readonly Artifact[] =>
  compiledText(JSON.stringify(site, null, 2));

function compiledText(text: string): readonly Artifact[] {
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text }]);
  const { snapshot, problems } = admit(declared, emptySnapshot, unread);
  expect(problems).toEqual([]);
  return compile(snapshot);
}

test('the list of names has every kind there is, in the same order', () => {
  expect(kinds.map((it) => it.kind)).toEqual(Object.keys(plurals));
});

/** What the host would refuse, in its own words. */
const refused = (artifacts: readonly Artifact[]): readonly string[] =>
  artifacts.flatMap((it) => {
    const whole = ArtifactSchema.safeParse(it);
    const input = engines.get(it.engine)?.input.safeParse(it.input);
    return [
      ...(whole.success ? [] : [`${it.id}: ${whole.error.message}`]),
      ...(input === undefined ? [`${it.id}: no engine ${it.engine}`] : []),
      ...(input === undefined || input.success ? [] : [`${it.id}: ${input.error?.message}`]),
    ];
  });

const examples = Object.fromEntries(
  kinds.map((it) => [it.plural, it.single === true ? Object.values(it.example)[0] : it.example]),
);

/** The examples refer to each other; what none of them brings is added. */
const together = (): Record<string, unknown> => {
  const site = structuredClone(examples) as Record<string, Record<string, Record<string, unknown>>>;
  const server = site['instances']?.['server'];
  if (server !== undefined) server['canIpForward'] = true;
  return { project: 'lab', ...site };
};

test('the examples of all kinds make one site that every engine accepts', () => {
  const artifacts = compiled(together());
  expect(refused(artifacts)).toEqual([]);
  // Whatever an engine is fed by kinds, the examples reach it: else this test would promise too much.
  const reached = new Set(artifacts.map((it) => it.engine));
  expect([...engines.keys()].filter((it) => !reached.has(it))).toEqual([]);
});

test.each(['cloud-ids', 'gateway-ha', 'two-sites'])('every engine accepts what examples/%s asks of it', (name) => {
  const text = readFileSync(new URL(`../../examples/${name}/site.yaml`, import.meta.url), 'utf8');
  expect(refused(compiledText(text))).toEqual([]);
});

test('every choice that a schema offers compiles to what the engines accept', () => {
  const site = together() as Record<string, Record<string, Record<string, unknown>>>;
  const change = (plural: string, fields: object): void => {
    for (const spec of Object.values(site[plural] ?? {})) Object.assign(spec, fields);
  };
  change('instances', {
    labels: { team: 'a_b' },
    metadata: { 'Some-Key_1': 'a\nb"c\\' },
    description: 'x',
    startupScript: '#!/bin/sh\necho "$HOME"\n',
    desiredStatus: 'terminated',
  });
  change('firewallRules', {
    logging: true,
    rules: ['tcp:1-65535', 'udp:53', 'sctp:7', 'esp', 'ah', 'ipip', 'icmp', '47'],
  });
  change('idsEndpoints', { duplicates: 'drop', trafficLogs: true, builtInRules: false, ruleSets: ['our-rules'] });
  change('packetMirrorings', {
    filter: { cidrRanges: ['10.0.0.0/8'], protocols: ['tcp', 'icmp'], direction: 'ingress' },
  });
  change('networks', { mtu: 8896, defaultInternetRoute: true, logDenied: false });
  expect(refused(compiled(site))).toEqual([]);
});

test('names of the greatest length compile to what the engines accept, and stay apart', () => {
  const long = (text: string): string => `${text}-${'x'.repeat(62 - text.length)}`;
  const names = new Map(
    kinds.flatMap((kind) =>
      kind.single === true || kind.kind === 'service'
        ? []
        : Object.keys(kind.example).map((it) => [it, long(it)] as const),
    ),
  );
  const renamed = (value: unknown): unknown => {
    if (typeof value === 'string') return names.get(value) ?? value;
    if (Array.isArray(value)) return value.map((it) => renamed(it));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, renamed(it)]));
  };
  const grouped = (group: object): object =>
    Object.fromEntries(Object.entries(group).map(([name, spec]) => [names.get(name) ?? name, renamed(spec)]));
  const site = Object.fromEntries(
    Object.entries(together()).map(([plural, group]) => [plural, grouped(group as object)]),
  );
  const twin = { base: 'debian-12', packages: [] };
  const images = site['images'] as Record<string, unknown>;
  images[`${'y'.repeat(62)}a`] = twin;
  images[`${'y'.repeat(62)}b`] = { ...twin, packages: ['jq'] };
  const instances = site['instances'] as Record<string, Record<string, unknown>>;
  const [server] = Object.values(instances);
  for (const last of ['a', 'b'])
    instances[`${'y'.repeat(62)}${last}`] = {
      ...server,
      image: `${'y'.repeat(62)}${last}`,
      interfaces: [{ subnet: long('cloud-ids-useast1') }],
    };
  const artifacts = compiled({ ...site, project: 'p'.repeat(30) });
  expect(refused(artifacts)).toEqual([]);
  expect(new Set(artifacts.map((it) => it.id)).size).toBe(artifacts.length);
  expect(artifacts.filter((it) => it.engine === 'image').length).toBeGreaterThanOrEqual(3);
});

describe.each(kinds.map((it) => [it.kind, it] as const))('kind %s', (_, kind) => {
  test('its example is what its own schema accepts', () => {
    for (const spec of Object.values(kind.example)) expect(kind.spec.safeParse(spec).error?.message).toBeUndefined();
  });

  test('every field is described, every number is bounded and every reference names a kind', () => {
    const found: string[] = [];
    walk(kind.spec, kind.kind, found);
    expect(found).toEqual([]);
  });
});

/** Breaches of the house rules for schemas. */
function walk(schema: unknown, path: string, found: string[]): void {
  const at = unwrapped(schema);
  if (at instanceof z.ZodObject) {
    for (const [field, inner] of Object.entries(at.shape as Record<string, z.ZodType>)) {
      if ((inner.description ?? '') === '') found.push(`${path}.${field}: not described`);
      walk(inner, `${path}.${field}`, found);
    }
  } else if (at instanceof z.ZodArray) walk(at.element, `${path}[]`, found);
  else if (at instanceof z.ZodRecord) walk(at.valueType, `${path}{}`, found);
  else if (at instanceof z.ZodNumber) {
    if (at.minValue === null || at.maxValue === null || Math.abs(at.maxValue ?? 0) > 2 ** 32)
      found.push(`${path}: no bounds`);
  } else if (at instanceof z.ZodString) {
    const kind = refOf(at);
    if (kind !== undefined && kindNamed(kind) === undefined) found.push(`${path}: there is no kind ${kind}`);
  } else if (at instanceof z.ZodUnion) found.push(`${path}: a union only says "Invalid input"`);
}

test('every title of a schema is unique, so that documents can refer to it', () => {
  const ids = kinds.map((it) => z.globalRegistry.get(it.spec)?.id);
  expect(new Set(ids).size).toBe(kinds.length);
  expect(ids).not.toContain(undefined);
});

test('the JSON Schema of a site names every kind', () => {
  const { properties } = siteSchema() as { properties: object };
  expect(Object.keys(properties).toSorted()).toEqual(['project', ...kinds.map((it) => it.plural)].toSorted());
});
