import { chmod, readFile, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { largestLog, ulogdEngine } from '#engines/ulogd/driver.ts';
import type { UlogdInput } from '#engines/ulogd/input.ts';
import { type FirewallHit, firewallHit, parsePacket } from '#engines/ulogd/packet.ts';
import { ulogdPaths } from '#engines/ulogd/paths.ts';
import { inNamespace, type TestMachine, testMachine } from '../machine.ts';
import { smallSupervisor } from '../small-supervisor.ts';

const rule = 'lab/firewallRule/no-http';
const wanted: Artifact<UlogdInput> = {
  id: 'ulogd/net/7',
  engine: 'ulogd',
  owners: ['lab/network/net'],
  needs: [],
  input: { namespace: 'net', group: 7, file: 'lab.network.net.json' },
};

let base: TestMachine;
let machine: Machine;

beforeAll(async () => {
  base = await testMachine();
  await base.addNamespace('net');
  const supervisor = smallSupervisor(`${base.run}/services`);
  machine = {
    ...base,
    supervisor: {
      ...supervisor,
      ensure: (spec) =>
        supervisor.ensure({ ...spec, argv: inNamespace(base.namespace(spec.namespace ?? ''), spec.argv) }),
    },
  };
  // ulogd runs as its own user and must be able to walk to its files, as it can in /var/lib.
  await chmod(dirname(base.state), 0o711);
  await base.sh('nft -f -', {
    namespace: 'net',
    stdin: `table inet t {
      chain output {
        type filter hook output priority 0
        tcp dport 81 log prefix "deny:${rule}" group 7 snaplen 96 reject
        meta l4proto icmp log prefix "allow:lab/firewallRule/ping" group 7 snaplen 96
      }
    }`,
  });
  await ulogdEngine.apply(machine, wanted, undefined);
});

afterAll(async () => {
  await ulogdEngine.remove(machine, wanted);
  await base.cleanup();
});

/** Asks until something holds, for at most ten seconds. */
async function until<T>(ask: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  let value = await ask();
  for (let tries = 0; tries < 200 && !holds(value); tries++) {
    await sleep(50);
    value = await ask();
  }
  return value;
}

const observe = async (): Promise<Observation> => {
  const observation = await ulogdEngine.observe?.(machine, wanted);
  if (observation === undefined) throw new Error('the engine observes');
  return observation;
};

async function hits(): Promise<readonly FirewallHit[]> {
  const text = await readFile(ulogdPaths(machine, wanted.input).log, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const packet = parsePacket(line);
    const hit = packet && firewallHit(packet);
    return hit === undefined ? [] : [hit];
  });
}

const refusals = async (): Promise<readonly FirewallHit[]> => (await hits()).filter((it) => it.rule === rule);

const knock = (): Promise<unknown> => base.exec(['bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/81'], { namespace: 'net' });

describe('the packet log of a network', () => {
  test('is ready once ulogd has taken its group, and applying it again disturbs nothing', async () => {
    await ulogdEngine.check?.(machine, wanted);
    const ready = await until(observe, (it) => it.state === 'ready');
    expect(ready).toMatchObject({ state: 'ready', values: { 'lab/network/net': { waiting: 0 } } });
    const before = await machine.supervisor.status('ulogd.net.7');
    await ulogdEngine.apply(machine, wanted, wanted);
    expect(await machine.supervisor.status('ulogd.net.7')).toEqual(before);
  });

  test('shows a refused connection under the rule that refused it', async () => {
    await knock();
    const found = await until(refusals, (it) => it.length > 0);
    expect(found.at(-1)).toMatchObject({
      action: 'deny',
      rule,
      out: 'lo',
      protocol: 6,
      source: { address: '127.0.0.1' },
      destination: { address: '127.0.0.1', port: 81 },
    });
  });

  test('can be read by the control user and not by everybody', async () => {
    const { folder, log } = ulogdPaths(machine, wanted.input);
    const file = await stat(log);
    expect(file.gid).toBe(machine.users.control.gid);
    expect((await stat(folder)).mode & 0o7777).toBe(0o2750);
  });

  test('is set aside when it is large, and goes on in a new file', async () => {
    const { log, older } = ulogdPaths(machine, wanted.input);
    await truncate(log, largestLog);
    await observe();
    expect((await stat(older)).size).toBe(largestLog);
    await until(
      () => stat(log).catch(() => undefined),
      (it) => it !== undefined,
    );
    await knock();
    expect(await until(refusals, (it) => it.length > 0)).not.toHaveLength(0);
    expect((await stat(log)).size).toBeLessThan(largestLog);
  });

  test('survives a flood that it cannot follow, and tells how many packets it lost', async () => {
    const { pid = 0 } = (await machine.supervisor.status('ulogd.net.7')) ?? {};
    // A reader that stands still is the slowest there is.
    process.kill(pid, 'SIGSTOP');
    try {
      await base.exec(['ping', '-f', '-q', '-c', '30000', '-s', '8', '127.0.0.1'], {
        namespace: 'net',
        timeout: 60_000,
      });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    const after = await until(observe, (it) => (it.values['lab/network/net']?.waiting ?? 1) === 0);
    expect(after.state).toBe('ready');
    expect(after.values['lab/network/net']?.lostMessages).toBeGreaterThan(0);
    expect((await machine.supervisor.status('ulogd.net.7'))?.pid).toBe(pid);
    const before = (await refusals()).length;
    await knock();
    expect((await until(refusals, (it) => it.length > before)).length).toBeGreaterThan(before);
  });

  test('is gone after its removal, twice over', async () => {
    const other = { ...wanted, id: 'ulogd/net/8', input: { ...wanted.input, group: 8, file: 'other.json' } };
    await ulogdEngine.apply(machine, other, undefined);
    await ulogdEngine.remove(machine, other);
    await ulogdEngine.remove(machine, other);
    const { config, log, older } = ulogdPaths(machine, other.input);
    for (const path of [config, log, older]) await expect(stat(path)).rejects.toThrow('ENOENT');
    expect(await machine.supervisor.status('ulogd.net.8')).toBeUndefined();
  });
});
