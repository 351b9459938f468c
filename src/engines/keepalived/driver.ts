import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must, scratchUnless } from '#core/run.ts';
import { canonical } from '#lib/hash.ts';
import { steerProgram } from '../restart.ts';
import { KeepalivedInput } from './input.ts';
import { observation, roleOf } from './observe.ts';
import { type ClusterPaths, clusterPaths } from './paths.ts';
import { renderConfig } from './render.ts';
import { renderDown, renderRequests, renderRoles } from './scripts.ts';

/**
 * VRRP of one node of a cluster, and the reader of its roles: shared addresses, what conntrackd does at a takeover, and the
 * services of the active node. Both go on without any process of ours.
 */
export const keepalivedEngine = defineEngine<KeepalivedInput>({
  name: 'keepalived',
  input: KeepalivedInput,

  async check(machine, wanted) {
    const paths = pathsOf(machine, wanted);
    const candidate = `${paths.keepalived}/candidate.conf`;
    await machine.writeFile(candidate, renderConfig(wanted.input, paths), 0o644);
    const inside = await scratchUnless(machine, wanted.input.namespace);
    const { namespace } = wanted.input;
    const { code, stderr } = await inside.exec(['keepalived', '-t', '-f', candidate], { namespace });
    await rm(candidate, { force: true });
    if (code === 0) return;
    if (code === 127) {
      throw new Problem('HOST_UNFIT', { at: wanted.id, message: stderr, fix: 'Install keepalived.' });
    }
    const message = `keepalived refuses the configuration: ${stderr.trim().slice(0, 1000)}`;
    throw new Problem('ENGINE_REJECTED', { at: wanted.id, message, fix: 'Nothing was changed. Correct the cluster.' });
  },

  async apply(machine, wanted, held) {
    const paths = pathsOf(machine, wanted);
    await prepare(machine, wanted, paths);
    const config = renderConfig(wanted.input, paths);
    const before = await readFile(paths.config, 'utf8').catch(() => undefined);
    await machine.writeFile(paths.config, config, 0o644);
    await applyScripts(machine, wanted, paths);
    if (held !== undefined && fixed(held.input) !== fixed(wanted.input)) {
      await machine.supervisor.remove(serviceOf(wanted));
    }
    const was = await machine.supervisor.status(serviceOf(wanted));
    await machine.supervisor.ensure({
      name: serviceOf(wanted),
      namespace: wanted.input.namespace,
      argv: [
        ...['keepalived', '--dont-fork', '--log-console', '--log-detail', '--vrrp', '--dont-respawn'],
        ...['--use-file', paths.config],
        ...['--pid', `${paths.keepalived}/keepalived.pid`, '--vrrp_pid', `${paths.keepalived}/vrrp.pid`],
      ],
      finish: ['sh', paths.downScript],
    });
    // Addresses and priorities change under a running keepalived, without a takeover.
    if (was?.up === true && before !== config) await machine.supervisor.signal(serviceOf(wanted), 'HUP');
  },

  async remove(machine, held) {
    const paths = pathsOf(machine, held);
    await machine.supervisor.remove(serviceOf(held));
    await machine.exec(['sh', paths.downScript]);
    for (const it of [rolesOf(held), requestsOf(held)]) await machine.supervisor.remove(it);
    await rm(paths.keepalived, { recursive: true, force: true });
  },

  steer: (machine, held, to) => steerProgram(machine, { at: held.id, service: serviceOf(held), ...to }),

  async observe(machine, held) {
    const paths = pathsOf(machine, held);
    const status = await machine.supervisor.status(serviceOf(held));
    const roles = await machine.supervisor.status(rolesOf(held));
    const { stdout } = await machine.exec(['ip', '-j', 'addr', 'show'], { namespace: held.input.namespace });
    return observation(held, {
      up: status?.up === true,
      rolesUp: roles?.up === true,
      role: roleOf(await readFile(paths.role, 'utf8').catch(() => '')),
      addresses: stdout,
    });
  },
});

const serviceOf = ({ input }: Artifact<KeepalivedInput>): string => `keepalived.${input.namespace}`;
const rolesOf = ({ input }: Artifact<KeepalivedInput>): string => `roles.${input.namespace}`;
const requestsOf = ({ input }: Artifact<KeepalivedInput>): string => `requests.${input.namespace}`;
const pathsOf = (machine: Machine, { input }: Artifact<KeepalivedInput>): ClusterPaths =>
  clusterPaths(machine, input.namespace);

/** What a running keepalived cannot change. */
const fixed = ({ interface: name, routerId, own, arbitrated }: KeepalivedInput): string =>
  canonical([name, routerId, own, arbitrated]);

async function prepare(machine: Machine, { id }: Artifact<KeepalivedInput>, paths: ClusterPaths): Promise<void> {
  await mkdir(paths.keepalived, { recursive: true, mode: 0o755 });
  for (const [pipe, mode] of [
    [paths.events, '0600'],
    [paths.requests, '0620'],
  ] as const) {
    if ((await machine.exec(['test', '-p', pipe])).code !== 0) await must(machine, id, ['mkfifo', '-m', mode, pipe]);
  }
  await must(machine, id, ['chgrp', String(machine.users.gateway.gid), paths.requests]);
  const known = await readFile(paths.role, 'utf8').catch(() => '');
  if (known === '') await machine.writeFile(paths.role, `stopped ${(Date.now() / 1000).toFixed(3)}\n`, 0o644);
}

/** A reader of roles that was replaced is started again; what it is about to do then, it does twice. */
async function applyScripts(machine: Machine, wanted: Artifact<KeepalivedInput>, paths: ClusterPaths): Promise<void> {
  const { namespace } = wanted.input;
  const roles = renderRoles(wanted.input, paths, `${machine.run}/scan`);
  const before = await readFile(paths.rolesScript, 'utf8').catch(() => undefined);
  await machine.writeFile(paths.rolesScript, roles, 0o755);
  await machine.writeFile(paths.downScript, renderDown(wanted.input, paths, machine.namespace(namespace)), 0o755);
  await chmod(dirname(paths.role), 0o755);
  await machine.writeFile(paths.requestsScript, renderRequests(paths), 0o755);
  await machine.supervisor.ensure({ name: rolesOf(wanted), argv: ['sh', paths.rolesScript] });
  if (wanted.input.connections && wanted.input.arbitrated) {
    await machine.supervisor.ensure({ name: requestsOf(wanted), argv: ['sh', paths.requestsScript] });
  } else await machine.supervisor.remove(requestsOf(wanted));
  if (before !== undefined && before !== roles) await machine.supervisor.signal(rolesOf(wanted), 'TERM');
}
