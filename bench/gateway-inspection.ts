/**
 * What inspection costs: throughput of a download under a rule that has it inspected (`ips`, `ids`), under one that does not
 * beside it, and under the same filter without any, in ratios to plain routing; and the memory of the engines.
 * Run as root: node bench/gateway-inspection.ts [rounds] [megabytes]. Everything happens in namespaces of its own.
 */
import { readFileSync } from 'node:fs';
import { filterEngine } from '#engines/filter/driver.ts';
import type { FilterInput } from '#engines/filter/input.ts';
import { suricataEngine } from '#engines/suricata/driver.ts';
import { shortOf } from '#engines/suricata/paths.ts';
import { supervised } from '../test/detection-lab.ts';
import { filterArtifact, officeLab } from '../test/filter-lab.ts';
import { engine, input, type Port, ports, startWeb, WEB } from '../test/inspection-lab.ts';
import { spread } from './spread.ts';

const rounds = Number(process.argv[2] ?? 3);
const bytes = Number(process.argv[3] ?? 100) * 1_000_000;

const machine = await supervised(await officeLab());
const web = startWeb(machine);

/** Bytes in a second. */
async function download(port: Port): Promise<number> {
  // The server may not be there yet.
  const patience = ['--retry', '30', '--retry-connrefused', '--retry-delay', '1'];
  const words = [
    ...patience,
    '-s',
    '-m',
    '120',
    '-o',
    '/dev/null',
    '-w',
    '%{speed_download} %{size_download}',
    '--noproxy',
    '*',
  ];
  const url = `http://${WEB}:${ports[port]}/${bytes}`;
  const { stdout } = await machine.exec(['curl', ...words, url], { namespace: 'client', timeout: 130_000 });
  const [speed = 0, size = 0] = stdout.split(' ').map(Number);
  if (size < bytes) throw new Error(`${port}: ${size} of ${bytes} bytes came`);
  return speed;
}

async function memoryOf(which: 'ids' | 'ips'): Promise<number> {
  const status = await machine.supervisor.status(shortOf(engine(which).input));
  const text = readFileSync(`/proc/${status?.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024;
}

const { ips: _, ids: __, ...rest } = input;
const plain: FilterInput = { ...rest, rules: input.rules.map((it) => ({ ...it, inspection: 'firewall' as const })) };

try {
  const ratios: Record<string, number[]> = {};
  const note = (name: string, value: number): void => {
    ratios[name] = [...(ratios[name] ?? []), value];
  };
  for (let round = 0; round < rounds; round++) {
    const routing = await download('plain');
    await filterEngine.apply(machine, filterArtifact(plain), undefined);
    note('filter without inspection', (await download('plain')) / routing);
    for (const which of ['ids', 'ips'] as const) await suricataEngine.apply(machine, engine(which), undefined);
    await filterEngine.apply(machine, filterArtifact(input), filterArtifact(plain));
    if (round === 0) for (const which of ['ids', 'ips'] as const) note(`MB at rest, ${which}`, await memoryOf(which));
    note('rule without, beside others', (await download('plain')) / routing);
    note('rule with ids', (await download('watched')) / routing);
    note('rule with ips', (await download('guarded')) / routing);
    for (const which of ['ids', 'ips'] as const) note(`MB after downloads, ${which}`, await memoryOf(which));
    await filterEngine.apply(machine, filterArtifact(plain), filterArtifact(input));
    await filterEngine.remove(machine, filterArtifact(plain));
  }
  for (const [name, values] of Object.entries(ratios)) console.log(`${name.padEnd(30)} ${spread(values)}`);
} finally {
  web.kill('SIGKILL');
  await machine.cleanup();
}
