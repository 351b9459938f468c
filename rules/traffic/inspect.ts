import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pathsOf } from '#engines/suricata/paths.ts';
import { canaryClass, referenceConfig, renderCanary, renderConfig } from '#engines/suricata/render.ts';
import { address } from '#lib/ip.ts';
import { type Frame, writePcap } from '#lib/packets.ts';
import type { Pack } from '../compile.ts';
import type { Sample } from '../rule.ts';
import { type Cut, play, sampleOf } from './play.ts';

const run = promisify(execFile);

/** A sample, cut in one way. */
export interface Trial {
  readonly sample: Sample;
  readonly cut: Cut;
}

/** Whether the engine is installed here, and why not. */
export async function engineMissing(): Promise<string | undefined> {
  try {
    await run('suricata', ['-V']);
    return undefined;
  } catch (error) {
    return `suricata cannot be run here: ${error instanceof Error ? error.message.split('\n')[0] : error}`;
  }
}

/** All trials in one file: each in a network of its own, all beginning at the same moment. */
export function pcapOf(trials: readonly Trial[]): Uint8Array {
  const start = 1_700_000_000_000_000;
  const frames: Frame[] = trials.flatMap(({ sample, cut }, index) => play(index, sample, cut, start + index * 2000));
  return writePcap(frames);
}

/** The signatures that the real engine, with the product's own settings, raises for each trial. */
export async function inspect(pack: Pack, trials: readonly Trial[]): Promise<readonly ReadonlyMap<number, number>[]> {
  const folder = await mkdtemp(join(tmpdir(), 'vauban-rules-'));
  try {
    const input = {
      name: 'test/idsEndpoint/pack',
      namespace: 'x',
      interfaces: ['x0'],
      trafficLogs: false,
      pack: pack.version,
      siteRules: '',
      without: [],
      homeNetworks: [],
      proxies: [],
      canary: { address: '192.0.2.1', port: 9, from: 'x' },
      after: [],
    };
    const paths = pathsOf({ run: folder, state: folder }, input);
    await mkdir(paths.live, { recursive: true });
    await mkdir(paths.packets, { recursive: true });
    await writeFile(paths.config, renderConfig(input, paths));
    await writeFile(paths.packRules, pack.rules);
    await writeFile(paths.siteRules, '');
    await writeFile(paths.canaryRules, renderCanary(input));
    await writeFile(paths.classification, pack.classification + canaryClass);
    await writeFile(paths.references, referenceConfig);
    const file = join(folder, 'trials.pcap');
    await writeFile(file, pcapOf(trials));
    const argv = ['-c', paths.config, '-r', file, '-l', paths.logs, '--runmode', 'single'];
    const { stderr } = await run('suricata', [...argv, '--set', 'unix-command.enabled=no'], { maxBuffer: 1 << 26 });
    if (/\bE: /.test(stderr)) throw new Error(stderr);
    return alertsOf(await readFile(paths.eve, 'utf8'), trials.length);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function alertsOf(eve: string, count: number): Map<number, number>[] {
  const found = Array.from({ length: count }, () => new Map<number, number>());
  for (const line of eve.split('\n')) {
    if (!line.includes('"event_type":"alert"')) continue;
    const event = JSON.parse(line) as { src_ip: string; alert: { signature_id: number } };
    const alerts = found[sampleOf(address(event.src_ip))];
    const sid = event.alert.signature_id;
    alerts?.set(sid, (alerts.get(sid) ?? 0) + 1);
  }
  return found;
}

/** A trial in words, for messages. */
export const describeTrial = ({ sample, cut }: Trial): string => `${sample.label} (${cut})`;
