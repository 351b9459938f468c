import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askConnections } from '#engines/filter/connections.ts';
import { filterEngine } from '#engines/filter/driver.ts';
import type { FilterInput } from '#engines/filter/input.ts';
import { suricataEngine } from '#engines/suricata/driver.ts';
import { type EveAlert, parseEve } from '#engines/suricata/eve.ts';
import { pathsOf, shortOf } from '#engines/suricata/paths.ts';
import { isCanary } from '#engines/suricata/render.ts';
import { address } from '#lib/ip.ts';
import { packetsIn, sessionPcap } from '#lib/pcap.ts';
import { eventually } from '../deployment.ts';
import { supervised } from '../detection-lab.ts';
import { filterArtifact, officeLab } from '../filter-lab.ts';
import { engine, input, type Port, ports, startWeb, WEB } from '../inspection-lab.ts';
import type { TestMachine } from '../machine.ts';

/** What filter rules want inspected, with real attacks between real hosts. */
let machine: TestMachine;
let web: ChildProcess;
let held: FilterInput | undefined;

async function enforce(wanted: FilterInput): Promise<void> {
  await filterEngine.apply(machine, filterArtifact(wanted), held === undefined ? undefined : filterArtifact(held));
  held = wanted;
}

/** Status of the answer to a request from the client, 0 when there is none. */
async function ask(port: Port, header = 'X-Note: plain', path = '/'): Promise<number> {
  const words = ['-s', '-m', '2', '-o', '/dev/null', '-w', '%{http_code}', '--noproxy', '*', '-H', header];
  const url = `http://${WEB}:${ports[port]}${path}`;
  return Number((await machine.exec(['curl', ...words, url], { namespace: 'client' })).stdout);
}

const shellshock = 'X-Note: () { :; }; echo x';

async function alertsOf(which: 'ids' | 'ips'): Promise<EveAlert[]> {
  const text = await readFile(pathsOf(machine, engine(which).input).eve, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const event = line === '' ? undefined : parseEve(line);
    return event?.kind === 'alert' && !isCanary(event.signatureId) ? [event] : [];
  });
}

const seenAt = (which: 'ids' | 'ips', port: Port): Promise<EveAlert | undefined> =>
  eventually(
    async () => (await alertsOf(which)).findLast((it) => it.server.port === ports[port]),
    (it) => it !== undefined,
  );

beforeAll(async () => {
  machine = await supervised(await officeLab());
  web = startWeb(machine);
  // As in a deployment: who inspects is there before rules count on it.
  await Promise.all((['ids', 'ips'] as const).map((it) => suricataEngine.apply(machine, engine(it), undefined)));
  await filterEngine.check?.(machine, filterArtifact(input));
  await enforce(input);
  await eventually(
    () => ask('plain'),
    (it) => it === 200,
  );
}, 120_000);

afterAll(async () => {
  web?.kill('SIGKILL');
  await machine?.cleanup();
}, 60_000);

test('both inspections prove by a canary that they see what the filter hands over', async () => {
  for (const which of ['ids', 'ips'] as const) {
    expect(await suricataEngine.observe?.(machine, engine(which))).toMatchObject({ state: 'ready' });
    const seen = await suricataEngine.observe?.(machine, engine(which));
    expect(seen?.values[`lab/gateway/office/${which}`]?.['packets']).toBeGreaterThan(0);
  }
});

test('an attack dies on the rule that asks for it, is reported on the one that only looks, and passes any other', async () => {
  for (const port of ['guarded', 'lenient', 'watched', 'plain'] as const) expect(await ask(port), port).toBe(200);
  expect(await ask('guarded', shellshock)).toBe(0);
  expect(await ask('lenient', shellshock)).toBe(0);
  expect(await ask('watched', shellshock)).toBe(200);
  expect(await ask('plain', shellshock)).toBe(200);
  // Only what was caught is caught.
  expect(await ask('guarded')).toBe(200);
  expect(await seenAt('ips', 'guarded')).toMatchObject({ signatureId: 9_000_100, action: 'blocked' });
  expect(await seenAt('ids', 'watched')).toMatchObject({ signatureId: 9_000_100, action: 'allowed' });
  expect((await alertsOf('ips')).some((it) => it.server.port === ports.plain)).toBe(false);
  expect((await alertsOf('ids')).some((it) => it.server.port === ports.plain)).toBe(false);
});

test('the gateway names the rule of what was caught, and the packets are kept', async () => {
  for (const [which, port] of [
    ['ips', 'guarded'],
    ['ids', 'watched'],
  ] as const) {
    const alert = await seenAt(which, port);
    if (alert === undefined) throw new Error('nothing was seen');
    const { protocol, client, server } = alert;
    const ends = { client: client.address, clientPort: client.port, server: server.address, serverPort: server.port };
    const detail = JSON.stringify([
      { protocol, ...ends },
      { protocol, ...ends, clientPort: 1 },
    ]);
    expect(await askConnections(machine, filterArtifact(input), { question: 'inspected', detail })).toEqual([
      `lab/filterPolicy/office/${port}`,
      null,
    ]);
    expect((await suricataEngine.observe?.(machine, engine(which)))?.state).toBe('ready');
    const session = {
      protocol: 6,
      source: address(client.address),
      sourcePort: client.port,
      destination: address(server.address),
      destinationPort: server.port,
    };
    const kept = await eventually(
      async () => {
        const { packets } = pathsOf(machine, engine(which).input);
        const names = (await machine.sh(`ls ${packets}`)).trim().split('\n');
        const files = await Promise.all(names.map((it) => readFile(`${packets}/${it}`)));
        return files.reduce((sum, it) => sum + packetsIn(sessionPcap(it, session) ?? new Uint8Array()), 0);
      },
      (it) => it > 0,
    );
    expect(kept).toBeGreaterThan(0);
  }
});

test('what other rules let through meets no inspection', async () => {
  const packets = async (which: 'ids' | 'ips') =>
    (await suricataEngine.observe?.(machine, engine(which)))?.values[`lab/gateway/office/${which}/packets`]?.[
      'packets'
    ];
  for (const which of ['ids', 'ips'] as const) await packets(which);
  const before = [await packets('ids'), await packets('ips')];
  expect(await ask('plain', 'X-Note: much', '/5000000')).toBe(200);
  expect([await packets('ids'), await packets('ips')]).toEqual(before);
});

test('new rules come into force under traffic, and no request fails', async () => {
  const rule =
    'drop http any any -> any any (msg:"old admin page"; flow:to_server; http.uri; content:"/old-admin"; sid:1000001; rev:1;)\n';
  let going = true;
  const answers: number[] = [];
  const asking = (async () => {
    while (going && answers.length < 2000) answers.push(await ask('guarded'));
  })();
  expect(await ask('guarded', 'X-Note: plain', '/old-admin')).toBe(200);
  await suricataEngine.apply(machine, engine('ips', rule), engine('ips'));
  expect(await ask('guarded', 'X-Note: plain', '/old-admin')).toBe(0);
  going = false;
  await asking;
  expect(answers.filter((it) => it !== 200)).toEqual([]);
});

test('without an inspection a rule that fails closed lets nothing pass, one that fails open everything', async () => {
  await machine.supervisor.remove(shortOf(engine('ips').input));
  expect(await ask('guarded')).toBe(0);
  expect(await ask('lenient', shellshock)).toBe(200);
  expect(await ask('plain')).toBe(200);
  expect((await suricataEngine.observe?.(machine, engine('ips')))?.state).toBe('failed');
  await suricataEngine.apply(machine, engine('ips'), undefined);
  expect(await ask('guarded')).toBe(200);
  expect(await ask('lenient', shellshock)).toBe(0);
});

test('an engine that hangs is found out and started anew, and its traffic goes on', async () => {
  const name = shortOf(engine('ips').input);
  const hung = (await machine.supervisor.status(name))?.pid ?? 0;
  process.kill(hung, 'SIGSTOP');
  for (const port of ['guarded', 'lenient'] as const) {
    await eventually(
      () => ask(port),
      (it) => it === 200,
    );
  }
  expect((await machine.supervisor.status(name))?.pid).not.toBe(hung);
  expect(await ask('guarded', shellshock)).toBe(0);
  const seen = await eventually(
    async () => suricataEngine.observe?.(machine, engine('ips')),
    (it) => it?.state === 'ready',
  );
  expect(seen?.values['lab/gateway/office/ips']).toMatchObject({ hangs: 1 });
});

test('a stranger who takes the queue away is seen, and it is put back; with the rules it goes for good', async () => {
  const look = () => filterEngine.fingerprint?.(machine, filterArtifact(input));
  const tables = () => machine.sh('nft list tables', { namespace: 'gw' });
  const before = await look();
  const [, queue = ''] = /table (ip gw_queue|ip mangle)/.exec(await tables()) ?? [];
  await machine.sh(`nft delete table ${queue}`, { namespace: 'gw' });
  expect((await look()) === before).toBe(false);
  await filterEngine.repair?.(machine, filterArtifact(input));
  expect((await look()) === before).toBe(true);
  expect(await ask('guarded', shellshock)).toBe(0);
  const { ips: _, ids: __, ...plain } = input;
  await enforce({ ...plain, rules: input.rules.map((it) => ({ ...it, inspection: 'firewall' as const })) });
  expect(await tables()).not.toMatch(/gw_queue|mangle/);
  expect(await ask('guarded', shellshock)).toBe(200);
});
