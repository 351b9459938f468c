import { spawn } from 'node:child_process';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceSpec, ServiceStatus, Supervisor } from '#core/machine.ts';
import { canonical } from '#lib/hash.ts';

/** Runs a program again and again until it is told to stop; knows the program's process by a file. */
const loop = `
file=$1 again=$2
shift 2
trap 'stopping=1; kill -TERM "$child"' TERM
while :; do
  "$@" </dev/null &
  child=$!
  echo "$child" >"$file.new" && mv "$file.new" "$file"
  while kill -0 "$child" 2>/dev/null; do wait "$child"; done
  rm -f "$file"
  [ -z "$stopping" ] && [ "$again" = yes ] || exit 0
  sleep 0.2
done
`;

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

interface Definition {
  readonly mark: string;
  readonly loop: number;
}

/** A supervisor for tests whose services outlive the process that started them. `folder` is all that it knows. */
export function smallSupervisor(folder: string): Supervisor {
  const definitionOf = async (name: string): Promise<Definition | undefined> => {
    const text = await readFile(`${folder}/${name}.json`, 'utf8').catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as Definition);
  };
  const pidOf = async (name: string): Promise<number | undefined> =>
    Number(await readFile(`${folder}/${name}.pid`, 'utf8').catch(() => '')) || undefined;

  const start = (spec: ServiceSpec): void => {
    const log = spec.log ?? `${folder}/${spec.name}.log`;
    mkdirSync(folder, { recursive: true });
    mkdirSync(dirname(log), { recursive: true });
    const output = openSync(log, 'a');
    const words = ['-c', loop, 'supervisor', `${folder}/${spec.name}.pid`, spec.restart === false ? 'no' : 'yes'];
    const child = spawn('sh', [...words, ...spec.argv], {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...process.env, ...spec.env },
    });
    child.unref();
    writeFileSync(`${folder}/${spec.name}.json`, JSON.stringify({ mark: canonical(spec), loop: child.pid ?? 0 }));
  };

  const remove = async (name: string, grace = 5000): Promise<void> => {
    const known = await definitionOf(name);
    if (known === undefined) return;
    await rm(`${folder}/${name}.json`, { force: true });
    if (alive(known.loop)) process.kill(known.loop, 'SIGTERM');
    for (let waited = 0; alive(known.loop) && waited < grace; waited += 20) await sleep(20);
    const pid = await pidOf(name);
    for (const left of [known.loop, ...(pid === undefined ? [] : [pid])])
      if (alive(left)) process.kill(left, 'SIGKILL');
    await rm(`${folder}/${name}.pid`, { force: true });
  };

  return {
    remove,
    async ensure(spec) {
      const known = await definitionOf(spec.name);
      if (known?.mark === canonical(spec) && alive(known.loop)) return;
      await remove(spec.name);
      start(spec);
    },
    async signal(name, signal) {
      const pid = await pidOf(name);
      if (pid !== undefined) process.kill(pid, `SIG${signal}`);
    },
    async status(name): Promise<ServiceStatus | undefined> {
      if ((await definitionOf(name)) === undefined) return undefined;
      const pid = await pidOf(name);
      return { up: pid !== undefined, seconds: 0, ...(pid === undefined ? {} : { pid }) };
    },
  };
}
