import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { RunOptions, RunResult } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { sameValue } from '#lib/same.ts';
import { cutLines, isWholeListing, parseFlows } from '../firewall/flows.ts';
import { addressesFile, parseSpans, type Span, spansAfter } from './addresses.ts';
import {
  type Grant,
  type GrantSource,
  type Grants,
  grantSources,
  grantsFile,
  grantsFolder,
  joinedGrants,
  lostBetween,
  parseGrants,
  renderGrants,
} from './grants.ts';

/** Somebody who is signed in, and by which sets what may be reached. */
export interface SessionGrants {
  readonly address: string;
  /** Email address. */
  readonly person: string;
  readonly grants: readonly { readonly set: string; readonly networks: readonly string[] }[];
}

export interface GrantingPlace {
  /** The deployment's folder of runtime state. */
  readonly run: string;
  readonly namespace: string;
  /** Whose sessions these are. */
  readonly source: GrantSource;
  /** Runs a program in the gateway's namespace, with CAP_NET_ADMIN. */
  readonly exec: (argv: readonly string[], options?: Pick<RunOptions, 'stdin' | 'done'>) => Promise<RunResult>;
  readonly now: () => Date;
}

/** Keeps the grants of one source at a gateway: the file, the sets of the living table, and the connections that may go on. */
export interface Granting {
  /** What one session may from now on; undefined: it has ended. Resolves when the kernel holds it. */
  set(holder: string, session: SessionGrants | undefined): Promise<void>;
  /** All there are: after a start, when nobody knows what happened meanwhile. */
  replace(sessions: ReadonlyMap<string, SessionGrants>): Promise<void>;
}

export function granting(place: GrantingPlace): Granting {
  const sessions = new Map<string, SessionGrants>();
  let running: Promise<void> | undefined;
  let waiting: Promise<void> | undefined;
  // All that changes while one round runs is one round.
  const round = (): Promise<void> => {
    if (running === undefined) {
      running = enforce(place, new Map(sessions)).finally(() => {
        running = undefined;
      });
      return running;
    }
    waiting ??= running
      .catch(() => {})
      .then(() => {
        waiting = undefined;
        return round();
      });
    return waiting;
  };
  return {
    set(holder, session) {
      if (sameValue(sessions.get(holder), session) && running === undefined) return Promise.resolve();
      if (session === undefined) sessions.delete(holder);
      else sessions.set(holder, session);
      return round();
    },
    replace(all) {
      sessions.clear();
      for (const [holder, session] of all) sessions.set(holder, session);
      return round();
    },
  };
}

/** The file first: whatever loads the rules in this moment shall find it, too. */
async function enforce(place: GrantingPlace, sessions: ReadonlyMap<string, SessionGrants>): Promise<void> {
  const { namespace, source } = place;
  const file = grantsFile(place, namespace, source);
  const due = `${grantsFolder(place, namespace)}/${source === 'vpn' ? '' : `${source}-`}due.json`;
  // What a round that did not come to its end has not cut yet.
  const before = joined(parseGrants(await textOf(due)), parseGrants(await textOf(file)));
  const after = grantsBy(sessions, Object.keys(before));
  await replaceFile(due, JSON.stringify(before));
  await replaceFile(file, JSON.stringify(after));
  await keepSpans(place, sessions);
  await settle(place);
  await cutLost(place, before, after);
  await rm(due, { force: true });
}

function joined(due: Grants, held: Grants): Grants {
  const out: Record<string, Grants[string]> = { ...held };
  for (const [set, holders] of Object.entries(due)) {
    const old = Object.entries(holders).map(([holder, grant]) => [`due ${holder}`.slice(0, 200), grant] as const);
    out[set] = { ...Object.fromEntries(old), ...held[set] };
  }
  return out;
}

/** A set that was named once stays with nobody in it, so that it is emptied wherever it stands. */
function grantsBy(sessions: ReadonlyMap<string, SessionGrants>, known: readonly string[]): Grants {
  const out: Record<string, Record<string, Grant>> = Object.fromEntries(known.map((it) => [it, {}]));
  for (const [holder, { address, person, grants }] of sessions) {
    for (const { set, networks } of grants) {
      const holders = out[set] ?? {};
      out[set] = holders;
      holders[holder] = { address, person, networks: [...networks] };
    }
  }
  return out;
}

async function keepSpans(place: GrantingPlace, sessions: ReadonlyMap<string, SessionGrants>): Promise<void> {
  const path = addressesFile(place, place.namespace, place.source);
  const before = parseSpans(await textOf(path));
  const after: readonly Span[] = spansAfter(before, sessions, place.now());
  if (!sameValue(before, after)) await replaceFile(path, JSON.stringify(after));
}

/** Rounds until a file that changes all the time is left to who writes it. */
const ROUNDS = 20;

/**
 * Both sources fill the same sets, without a lock: each writes its file first, and looks after filling whether what it read
 * is still so. Whatever the order, the last one to fill has read the last text of both.
 */
async function settle(place: GrantingPlace): Promise<void> {
  const read = async (): Promise<Grants> => {
    const texts = grantSources.map(
      async (it) => [it, parseGrants(await textOf(grantsFile(place, place.namespace, it)))] as const,
    );
    return joinedGrants(Object.fromEntries(await Promise.all(texts)) as Record<GrantSource, Grants>);
  };
  let wanted = await read();
  for (let round = 0; round < ROUNDS; round++) {
    await fill(place, wanted);
    const now = await read();
    if (sameValue(now, wanted)) return;
    wanted = now;
  }
}

/** A set that the rules in force do not name is not there; who loads rules that name it fills it from the file. */
async function fill(place: GrantingPlace, grants: Grants): Promise<void> {
  const sets = Object.keys(grants);
  if (sets.length === 0) return;
  const { code } = await place.exec(['nft', '-f', '-'], { stdin: renderGrants(grants, sets) });
  if (code === 0) return;
  for (const it of sets) {
    const one = await place.exec(['nft', '-f', '-'], { stdin: renderGrants(grants, [it]) });
    if (one.code !== 0 && !/No such file or directory/.test(one.stderr)) throw failed(place, `nft: ${one.stderr}`);
  }
}

async function cutLost(place: GrantingPlace, before: Grants, after: Grants): Promise<void> {
  const isLost = lostBetween(before, after);
  const listed = await place.exec(['conntrack', '-L', '-f', 'ipv4', '-o', 'extended,id'], { done: isWholeListing });
  // With nothing tracked it ends with an error and says nothing else.
  if (listed.code !== 0 && !/0 flow entries/.test(listed.stderr)) throw failed(place, `conntrack: ${listed.stderr}`);
  const flows = parseFlows(listed.stdout);
  const lines = cutLines(
    flows.filter(({ ends }) => isLost(ends)),
    flows,
  );
  if (lines.length === 0) return;
  // A file, because conntrack opens /dev/stdin by name, which fails for a socket.
  const file = `${grantsFolder(place, place.namespace)}/${place.source === 'vpn' ? 'cut' : `${place.source}-cut`}`;
  await replaceFile(file, lines.join(''));
  const { code, stderr } = await place.exec(['conntrack', '--load-file', file]);
  if (code !== 0) throw failed(place, `conntrack: ${stderr}`);
}

const failed = ({ namespace }: GrantingPlace, said: string): Problem =>
  new Problem('ENGINE_FAILED', {
    at: `rights of people at ${namespace}`,
    message: said.trim().slice(0, 2000),
    fix: 'End the session; its rights are written down and are loaded with the next table.',
  });

const textOf = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);

async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o640 });
  await rename(`${path}.new`, path);
}
