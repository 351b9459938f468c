import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ServiceSpec, ServiceStatus, Supervisor } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { batched } from '#lib/batched.ts';
import { hashOf } from '#lib/hash.ts';
import { run } from './exec.ts';
import { writeFile } from './files.ts';

export interface SupervisorPlaces {
  /** Folder that s6-svscan watches. */
  readonly scan: string;
  /** Folder of the service definitions. */
  readonly definitions: string;
  /** Folder of the logs, one folder for each service. */
  readonly logs: string;
  /** Full name of a namespace from its short name. */
  readonly namespace: (name: string) => string;
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** The run script: a few words that replace themselves by the program; nothing of ours stays in between. */
export function runScript(spec: ServiceSpec, namespace: (name: string) => string): string {
  const enter = spec.namespace === undefined ? [] : ['nsenter', `--net=/run/netns/${namespace(spec.namespace)}`, '--'];
  const env = Object.entries(spec.env ?? {}).map(([key, value]) => `export ${key}=${quoted(value)}\n`);
  return `#!/bin/sh\nexec 2>&1 </dev/null\n${onlyWhile(spec)}${env.join('')}exec ${[...enter, ...spec.argv].map(quoted).join(' ')}\n`;
}

/** s6 runs it in the service's own folder. */
const onlyWhile = ({ whileActive }: ServiceSpec): string =>
  whileActive === undefined
    ? ''
    : `role=; read -r role _ <${quoted(whileActive)}; [ "$role" = active ] || { s6-svc -d .; exit 0; }\n`;

async function mayRun({ whileActive }: ServiceSpec): Promise<boolean> {
  if (whileActive === undefined) return true;
  return /^active(\s|$)/.test(await readFile(whileActive, 'utf8').catch(() => ''));
}

/** 125 tells s6 to leave a service down. */
export function finishScript(spec: ServiceSpec): string {
  const own = spec.finish === undefined ? '' : `${spec.finish.map(quoted).join(' ')}\n`;
  const end = spec.restart === false ? 'exit 125\n' : 'exit 0\n';
  return `#!/bin/sh\nexec 2>&1 </dev/null\n${own}${end}`;
}

/** Tells of each service on a line of its own; of one that is not under supervision, an empty one. */
const STATUSES = 'for it; do s6-svstat -o up,pid,updownfor,exitcode "$it" 2>/dev/null || echo; done';

function parseStatus(line: string): ServiceStatus {
  const [up, pid, seconds, exit] = line.split(' ');
  return {
    up: up === 'true',
    ...(Number(pid) > 0 ? { pid: Number(pid) } : {}),
    seconds: Number(seconds),
    ...(Number(exit) >= 0 ? { exitCode: Number(exit) } : {}),
  };
}

/** Services under s6: they outlive this process, restart by themselves, and their logs are rotated. */
export function s6Supervisor(places: SupervisorPlaces): Supervisor {
  const definitionOf = (name: string) => `${places.definitions}/${name}`;
  const linkOf = (name: string) => `${places.scan}/${name}`;

  const remove = async (name: string, grace = 5000): Promise<void> => {
    if (existsSync(linkOf(name))) {
      await run(['s6-svc', '-d', '-T', String(grace), linkOf(name)]);
      const down = await run(['s6-svwait', '-D', '-t', String(grace), linkOf(name)], { timeout: grace + 5000 });
      if (down.code !== 0) {
        await run(['s6-svc', '-k', linkOf(name)]);
        await run(['s6-svwait', '-D', '-t', '5000', linkOf(name)], { timeout: 10_000 });
      }
      await run(['s6-svunlink', '-t', '5000', places.scan, name], { timeout: 10_000 });
    }
    await rm(linkOf(name), { force: true });
    await rm(definitionOf(name), { recursive: true, force: true });
  };

  // The program tells of one service, and whoever looks asks for many: a shell starts it in a third of the time that we need.
  const statusOf = batched(async (names: readonly string[]) => {
    const { stdout } = await run(['sh', '-c', STATUSES, 'sh', ...names.map(linkOf)]);
    const lines = stdout.trimEnd().split('\n');
    return new Map(names.flatMap((name, at) => (lines[at] ? [[name, parseStatus(lines[at])] as const] : [])));
  });

  return {
    async ensure(spec) {
      const folder = definitionOf(spec.name);
      const script = runScript(spec, places.namespace);
      const mark = hashOf([script, finishScript(spec), spec.log ?? null]);
      const known = await readFile(`${folder}/mark`, 'utf8').catch(() => '');
      if (known === mark && existsSync(linkOf(spec.name))) {
        const { stdout } = await run(['s6-svstat', '-o', 'up,wantedup', linkOf(spec.name)]);
        const [up, wanted] = stdout.trim().split(' ');
        if (up === 'true' || !(await mayRun(spec))) return;
        if (wanted !== 'true' || spec.restart === false) await run(['s6-svc', '-u', linkOf(spec.name)]);
        return;
      }
      await remove(spec.name);
      const logs = spec.log === undefined ? `${places.logs}/${spec.name}` : `${spec.log}.d`;
      await mkdir(logs, { recursive: true, mode: 0o750 });
      if (spec.log !== undefined) {
        await rm(spec.log, { force: true });
        await mkdir(dirname(spec.log), { recursive: true });
        await symlink(`${logs}/current`, spec.log);
      }
      await writeFile(`${folder}/run`, script, 0o755);
      await writeFile(`${folder}/finish`, finishScript(spec), 0o755);
      await writeFile(`${folder}/timeout-finish`, '10000\n');
      await writeFile(
        `${folder}/log/run`,
        `#!/bin/sh\nexec s6-log -b n5 s1000000 ${spec.log === undefined ? 'T' : ''} ${quoted(logs)}\n`,
        0o755,
      );
      await writeFile(`${folder}/mark`, mark);
      const linked = await run(['s6-svlink', '-t', '5000', places.scan, folder, spec.name], { timeout: 10_000 });
      if (linked.code === 0 || existsSync(`${folder}/supervise`)) return;
      throw new Problem('ENGINE_FAILED', {
        at: `service ${spec.name}`,
        message: `it could not be put under supervision: ${linked.stderr.trim()}`,
        fix: '`vauban doctor` shows whether s6-svscan runs.',
      });
    },
    remove,
    async signal(name, signal) {
      const flag = { HUP: '-h', USR1: '-1', USR2: '-2', TERM: '-t', KILL: '-k', INT: '-i' }[signal];
      await run(['s6-svc', flag, linkOf(name)]);
    },
    status: async (name) => (existsSync(linkOf(name)) ? statusOf(name) : undefined),
  };
}
