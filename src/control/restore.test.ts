import { expect, test } from 'vitest';
import type { Problem } from '#core/problem.ts';
import { emptySnapshot, snapshotOf } from '#core/snapshot.ts';
import { address } from '#kinds/address/kind.ts';
import { filterPolicy } from '#kinds/filter-policy/kind.ts';
import { user } from '#kinds/user/kind.ts';
import { isSealed, newSealingKeys, unseal } from '#lib/seal.ts';
import { type Configuration, configurationOf } from '#plan/backup.ts';
import { opened } from '#plan/secrets.ts';
import { candidateOf } from './candidate.ts';
import type { Change } from './change.ts';

const store = { resources: async () => [], revision: async () => undefined };
const one = (rules: string, addresses: string): Change => ({
  type: 'site',
  files: [
    {
      path: 'site.yaml',
      text: `project: p
addresses: { ${addresses} }
filterPolicies: { office: { rules: [${rules}] } }
directories: { people: {} }
users: { alice: { email: alice@example.com, displayName: Alice, password: first password } }
`,
    },
  ],
});
const rule = (name: string): string => `{ name: ${name}, action: pass }`;

/** A deployment with a history: what it would choose today is not what it chose. */
async function grown(keys = newSealingKeys()) {
  const first = await candidateOf(one([rule('gone'), rule('kept')].join(), 'a: {}, b: {}'), {
    snapshot: emptySnapshot,
    store,
    sealing: keys.sealing,
  });
  const snapshot = await candidateOf(one(rule('kept'), 'b: {}'), { snapshot: first, store, sealing: keys.sealing });
  const sealed = configurationOf(snapshot);
  const resources = sealed.resources.map((it) =>
    opened({ ...it, spec: it.spec, assigned: undefined }, (value, place) => unseal(keys.opening, value, place)),
  );
  const configuration: Configuration = {
    resources: resources.map(({ project, kind, name, spec }) => ({ project, kind, name, spec })),
    choices: sealed.choices,
  };
  return { keys, snapshot, configuration };
}

test('elsewhere it gives the same choices, and secrets that open there and not here', async () => {
  const { keys, snapshot, configuration } = await grown();
  const there = newSealingKeys();
  const parts = { store, sealing: there.sealing };
  const restored = await candidateOf({ type: 'restore', configuration }, { ...parts, snapshot: emptySnapshot });
  expect(restored.get(address, 'p', 'b').assigned).toEqual(snapshot.get(address, 'p', 'b').assigned);
  expect(restored.get(filterPolicy, 'p', 'office').assigned).toMatchObject({ numbers: { kept: 2 } });
  expect(restored.get(user, 'p', 'alice').assigned).toEqual(snapshot.get(user, 'p', 'alice').assigned);
  const password = restored.get(user, 'p', 'alice').spec.password ?? '';
  expect(isSealed(password)).toBe(true);
  expect(unseal(there.opening, password, 'p/user/alice password')).toBe('first password');
  expect(() => unseal(keys.opening, password, 'p/user/alice password')).toThrow(RangeError);
  const again = await candidateOf({ type: 'restore', configuration }, { ...parts, snapshot: restored });
  expect(again.resources).toEqual(restored.resources);
});

test('projects that are not in it are left alone; the ones that are become exactly what they were', async () => {
  const { keys, configuration } = await grown();
  const other = { path: 'other.yaml', text: 'project: other\nnetworks: { n: { mode: custom } }\n' };
  const more = { path: 'p.yaml', text: 'project: p\nnetworks: { late: { mode: custom } }\n' };
  const parts = { store, sealing: keys.sealing };
  const before = await candidateOf({ type: 'site', files: [other, more] }, { ...parts, snapshot: emptySnapshot });
  const after = await candidateOf({ type: 'restore', configuration }, { ...parts, snapshot: before });
  expect(after.resources.filter((it) => it.kind === 'network').map((it) => `${it.project} ${it.name}`)).toEqual([
    'other n',
  ]);
});

test('what this version does not understand is refused with its place, all of it at once', async () => {
  const { keys, configuration } = await grown();
  const resources = [
    ...configuration.resources,
    { project: 'p', kind: 'teapot', name: 'x', spec: {} },
    { project: 'p', kind: 'networkObject', name: 'y', spec: { host: 'nowhere' } },
  ];
  const change: Change = { type: 'restore', configuration: { ...configuration, resources } };
  const refused: unknown = await candidateOf(change, {
    store,
    sealing: keys.sealing,
    snapshot: snapshotOf([]),
  }).catch((error: unknown) => error);
  expect((refused as Problem).details.map((it) => `${it.at}: ${it.message}`)).toMatchInlineSnapshot(`
    [
      "p teapot/x: its kind is unknown here",
      "p networkObjects/y host: "nowhere" is not an IPv4 address such as 192.168.10.20",
    ]
  `);
});

test('a sealed value in it is refused: nobody here could open it', async () => {
  const { keys, snapshot } = await grown();
  const change: Change = { type: 'restore', configuration: configurationOf(snapshot) };
  const parts = { store, sealing: newSealingKeys().sealing, snapshot: emptySnapshot };
  await expect(candidateOf(change, parts)).rejects.toMatchObject({ at: 'p users/alice password' });
  // Where it was sealed it is the one that is kept.
  const same = await candidateOf(change, { store, sealing: keys.sealing, snapshot });
  expect(same.resources).toEqual(snapshot.resources);
});
