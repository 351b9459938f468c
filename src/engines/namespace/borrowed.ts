import { readFile, rm } from 'node:fs/promises';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';

/** Where it is written down how settings of the machine itself were, for one artifact. */
const notesOf = (machine: Machine, artifact: string): string =>
  `${machine.state}/borrowed/${artifact.replaceAll('/', '.')}.json`;

const former = async (machine: Machine, artifact: string): Promise<Record<string, string>> =>
  readFile(notesOf(machine, artifact), 'utf8').then(
    (text) => JSON.parse(text) as Record<string, string>,
    () => ({}),
  );

/** Sets what belongs to the machine; how it was is written down first, and outlives everything but {@link giveBack}. */
export async function borrow(
  machine: Machine,
  artifact: string,
  settings: Readonly<Record<string, number>>,
): Promise<void> {
  const known = await former(machine, artifact);
  for (const [name, value] of Object.entries(settings)) {
    const now = (await must(machine, artifact, ['sysctl', '-n', name])).stdout.trim();
    if (now !== String(value) && known[name] === undefined) known[name] = now;
  }
  await machine.writeFile(notesOf(machine, artifact), JSON.stringify(known), 0o600);
  const gone = Object.keys(known).filter((it) => settings[it] === undefined);
  for (const it of gone) await machine.exec(['sysctl', '-q', '-e', '-w', `${it}=${known[it]}`]);
  const words = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  if (words.length > 0) await must(machine, artifact, ['sysctl', '-q', '-w', ...words]);
}

/** As it was before. */
export async function giveBack(machine: Machine, artifact: string): Promise<void> {
  for (const [name, value] of Object.entries(await former(machine, artifact)))
    await machine.exec(['sysctl', '-q', '-e', '-w', `${name}=${value}`]);
  await rm(notesOf(machine, artifact), { force: true });
}
