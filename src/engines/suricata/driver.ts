import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine, type Observation } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { removeTree } from '#core/run.ts';
import { hashOf } from '#lib/hash.ts';
import { flyCanary } from './canary.ts';
import { confined, filesOf, makeFolders, rulesHash, writeFiles } from './files.ts';
import { SuricataInput } from './input.ts';
import { pathsOf, type SuricataPaths, shortOf } from './paths.ts';
import { hasNewAlerts } from './pending.ts';
import { rejection, reservedLines } from './rejection.ts';
import { capturedAt, captureWords } from './render.ts';
import { rotate } from './rotation.ts';
import { openSocket, type SuricataSocket } from './socket.ts';
import { hangsIn, watchedWords } from './watch.ts';

/** Milliseconds: for the first answer of a new engine, for a reload (large rule sets take long), for the canary. */
const patience = { start: 60_000, reload: 300_000, canary: 10_000 } as const;

/** An IDS endpoint: one Suricata in the endpoint's namespace, ready when a canary has come through the mirror. */
export const suricataEngine = defineEngine<SuricataInput>({
  name: 'suricata',
  input: SuricataInput,

  /** Asks the engine itself about every rule; a broken one is named by its line. */
  async check(machine, wanted) {
    const { input } = wanted;
    const [reserved] = reservedLines(input.siteRules);
    if (reserved !== undefined) {
      throw new Problem('ENGINE_REJECTED', {
        at: `${input.name} siteRules line ${reserved}`,
        message: 'the signature numbers 9000000 to 9000099 are kept for canaries',
        fix: 'Nothing was changed. Give the rule another number, for instance from 1000000 on.',
      });
    }
    const scratch = `${machine.run}/suricata-check-${randomBytes(4).toString('hex')}`;
    const paths = pathsOf({ run: scratch, state: `${scratch}/state` }, input);
    try {
      await machine.exec(['install', '-d', '-m', '0711', scratch, `${scratch}/state`]);
      await makeFolders(machine, input, paths);
      await writeFiles(machine, paths, await filesOf(machine, input, paths));
      const argv = [...confined(input), 'suricata', '-T', '-c', paths.config, '-l', paths.logs];
      const { code, stdout, stderr } = await machine.exec(argv, { timeout: patience.reload });
      if (code !== 0) throw rejection(input.name, `${stdout}\n${stderr}`);
    } finally {
      await removeTree(machine, wanted.id, scratch);
    }
  },

  async apply(machine, wanted) {
    const { input } = wanted;
    const paths = pathsOf(machine, input);
    const files = await filesOf(machine, input, paths);
    const fresh = rulesHash(files);
    await makeFolders(machine, input, paths);
    const known = { rules: await textOf(paths.loaded), config: await textOf(paths.config) };
    if (known.rules !== fresh || known.config !== files.config) {
      // From here until the engine has confirmed, nobody may believe that it holds these rules.
      await rm(paths.loaded, { force: true });
      await writeFiles(machine, paths, files);
    }
    await machine.supervisor.ensure({
      name: shortOf(input),
      namespace: input.namespace,
      argv: [
        ...watchedWords(input, paths.hung),
        ...confined(input),
        ...['suricata', '-c', paths.config, '-l', paths.logs, ...captureWords(input), '--runmode', 'workers'],
      ],
      // Another configuration makes another definition, and only that makes a restart.
      env: { VAUBAN_CONFIGURATION: hashOf(files.config) },
    });
    // Another configuration has just made a restart, and a new engine reads the files that are there.
    const reloads = known.rules !== fresh && known.config === files.config;
    await settle(machine, wanted, { paths, fresh, reloads });
  },

  async remove(machine, { id, input }) {
    const paths = pathsOf(machine, input);
    await machine.supervisor.remove(shortOf(input), 10_000);
    await removeTree(machine, id, paths.folder);
  },

  /** Events and packets: whoever follows them goes on where it was when the endpoint comes back. */
  async discard(machine, { id, input }) {
    await removeTree(machine, id, pathsOf(machine, input).logs);
  },

  async observe(machine, held) {
    const { input } = held;
    const paths = pathsOf(machine, input);
    if (await rotate(paths.eve)) await machine.supervisor.signal(shortOf(input), 'HUP');
    const status = await machine.supervisor.status(shortOf(input));
    if (status?.up !== true) return { artifact: held.id, state: 'failed', detail: 'Suricata is down', values: {} };
    try {
      return await measure(machine, held, paths, status.pid);
    } catch (error) {
      const { lastHang } = await hangsIn(paths.hung);
      const hung = Date.now() / 1000 - lastHang < 600;
      const since = hung ? `Suricata hung at ${new Date(lastHang * 1000).toISOString()} and starts anew; ` : '';
      const detail = `${since}Suricata does not answer yet: ${error instanceof Error ? error.message : error}`;
      return { artifact: held.id, state: 'pending', detail, values: {} };
    }
  },
});

interface Change {
  readonly paths: SuricataPaths;
  /** Hash of the rules that are to be in force. */
  readonly fresh: string;
  /** Whether an engine that was running before has to be told. */
  readonly reloads: boolean;
}

/** Waits for the engine, makes it load what it may not have loaded, and proves that it sees. */
async function settle(machine: Machine, { input }: Artifact<SuricataInput>, change: Change): Promise<void> {
  const { paths, fresh, reloads } = change;
  const socket = await answering(machine, input, paths);
  try {
    if (reloads) {
      machine.progress(`${input.name}: loading rules, the former stay in force meanwhile`);
      await reload(socket, input);
    }
    await refuseFailedRules(socket, input);
    const pid = await pidOf(machine, input);
    // A gateway's filter hands over only once the engine is there; the next look proves it.
    if (input.inline === undefined) await prove(machine, input, { paths, pid, socket });
    await machine.writeFile(paths.loaded, fresh, 0o600);
  } finally {
    socket.close();
  }
}

/** The control socket, as soon as an engine answers on it and captures on every collector. */
async function answering(machine: Machine, input: SuricataInput, paths: SuricataPaths): Promise<SuricataSocket> {
  const deadline = performance.now() + patience.start;
  let last = 'nothing listens on its control socket';
  machine.progress(`${input.name}: waiting for the engine`);
  while (performance.now() < deadline) {
    let socket: SuricataSocket | undefined;
    try {
      socket = await openSocket(paths.socket);
      for (const iface of capturedAt(input)) await socket.ask('iface-stat', { iface });
      return socket;
    } catch (error) {
      socket?.close();
      last = error instanceof Error ? error.message : String(error);
      await sleep(25);
    }
  }
  const status = await machine.supervisor.status(shortOf(input));
  throw new Problem('ENGINE_FAILED', {
    at: input.name,
    message: `Suricata (${status?.up === true ? 'running' : 'down'}) did not become ready within ${patience.start / 1000} s: ${last}`,
    fix: `See the log of the service ${shortOf(input)}; \`vauban doctor\` shows what this machine lacks.`,
  });
}

async function reload(socket: SuricataSocket, input: SuricataInput): Promise<void> {
  const deadline = performance.now() + patience.reload;
  for (;;) {
    try {
      await socket.ask('ruleset-reload-rules', undefined, patience.reload);
      return;
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      // Another reload may still be under way; it may have read the files before they were changed.
      if (!/in progress/i.test(said) || performance.now() > deadline) {
        throw new Problem('ENGINE_FAILED', {
          at: input.name,
          message: `Suricata did not load the rules: ${said}`,
          fix: 'The former rules stay in force. Apply again; if it stays so, see the log of the service.',
        });
      }
      await sleep(250);
    }
  }
}

interface RulesetStats {
  readonly rules_loaded: number;
  readonly rules_failed: number;
}

const rulesetOf = async (socket: SuricataSocket): Promise<RulesetStats> => {
  const list = (await socket.ask('ruleset-stats')) as readonly RulesetStats[];
  return list[0] ?? { rules_loaded: 0, rules_failed: 0 };
};

/** A reload says OK even when it has left out rules. */
async function refuseFailedRules(socket: SuricataSocket, input: SuricataInput): Promise<void> {
  const { rules_failed: failed } = await rulesetOf(socket);
  if (failed === 0) return;
  const list = (await socket.ask('ruleset-failed-rules')) as readonly {
    filename?: string;
    line?: number;
    rule?: string;
  }[];
  const [first] = list;
  const place = `${first?.filename?.split('/').pop() ?? 'rules'} line ${first?.line ?? '?'}`;
  throw new Problem('ENGINE_REJECTED', {
    at: `${input.name} ${place}`,
    message: `Suricata left out ${failed} of the rules, the first: ${(first?.rule ?? '').slice(0, 200)}`,
    fix: 'Correct the rule, then apply again.',
  });
}

interface Proof {
  readonly paths: SuricataPaths;
  readonly pid: number | undefined;
  readonly socket: SuricataSocket;
}

/** Sends a canary and remembers the process that saw it. */
async function prove(machine: Machine, input: SuricataInput, { paths, pid, socket }: Proof): Promise<void> {
  const [iface = ''] = capturedAt(input);
  const before = await packetsOf(socket, iface);
  const sighting = await flyCanary(machine, input, paths.eve, patience.canary);
  if (sighting.seen) {
    await machine.writeFile(paths.proved, String(pid ?? ''), 0o600);
    return;
  }
  const counted = (await packetsOf(socket, iface)) - before;
  const { address, port, from } = input.canary;
  throw new Problem('ENGINE_FAILED', {
    at: input.name,
    message:
      `the engine did not report a canary to ${address}:${port} within ${sighting.milliseconds} ms (${sighting.rounds} rounds); ` +
      `meanwhile ${counted} packets came in on ${iface}${sighting.error === undefined ? '' : `; sending failed: ${sighting.error}`}`,
    fix:
      counted === 0
        ? input.inline === undefined
          ? `Nothing arrives from the mirror: see the link to ${iface} and the route to ${address} in ${from}.`
          : `The filter hands nothing over to ${iface}: apply again; \`vauban doctor\` shows what this machine lacks.`
        : 'The engine gets packets but raises no alert: see the log of the service.',
  });
}

interface InterfaceStats {
  readonly pkts: number;
  readonly drop: number;
  readonly 'invalid-checksums': number;
}

const statsOf = async (socket: SuricataSocket, iface: string): Promise<InterfaceStats> =>
  (await socket.ask('iface-stat', { iface })) as InterfaceStats;

const packetsOf = async (socket: SuricataSocket, iface: string): Promise<number> => (await statsOf(socket, iface)).pkts;

/**
 * Counters by collector under `endpoint/collector`; of a gateway's inspection, which has none, under its name. An engine that was restarted meanwhile must prove itself again. So
 * must one that has raised alerts: the canaries push the packets of these, which the engine still buffers, onto the disk.
 */
async function measure(
  machine: Machine,
  { id, input }: Artifact<SuricataInput>,
  paths: SuricataPaths,
  pid: number | undefined,
): Promise<Observation> {
  const socket = await openSocket(paths.socket);
  try {
    const values: Record<string, Record<string, number>> = {};
    for (const iface of capturedAt(input)) {
      const stats = await statsOf(socket, iface);
      values[input.inline === undefined ? `${input.name}/${iface}` : input.name] = {
        packets: stats.pkts,
        drops: stats.drop,
        invalidChecksums: stats['invalid-checksums'],
      };
    }
    const ruleset = await rulesetOf(socket);
    const reloads = (await socket.ask('ruleset-reload-time')) as readonly { last_reload?: string }[];
    values[input.name] = {
      ...values[input.name],
      uptimeSeconds: Number(await socket.ask('uptime')),
      rulesLoaded: ruleset.rules_loaded,
      rulesFailed: ruleset.rules_failed,
      ...(input.inline?.mode === 'verdicts' ? await hangsIn(paths.hung) : {}),
      lastReload: Math.floor(Date.parse((reloads[0]?.last_reload ?? '').replace(/(\d\d)$/, ':$1')) / 1000) || 0,
    };
    const unproved = (await textOf(paths.proved)) !== String(pid ?? '');
    if ((await hasNewAlerts(paths.eve)) || unproved) await prove(machine, input, { paths, pid, socket });
    const failed = ruleset.rules_failed > 0;
    return {
      artifact: id,
      state: failed ? 'failed' : 'ready',
      ...(failed ? { detail: `${ruleset.rules_failed} rules were left out by the engine` } : {}),
      values,
    };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { artifact: id, state: 'failed', detail: error.message, values: {} };
  } finally {
    socket.close();
  }
}

const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

const pidOf = async (machine: Machine, input: SuricataInput): Promise<number | undefined> =>
  (await machine.supervisor.status(shortOf(input)))?.pid;
