import { existsSync, readFileSync } from 'node:fs';
import { buildCommand } from '@stricli/core';
import type { Cli } from '#cli/context.ts';
import { deploymentOf } from '#cli/context.ts';
import { targetFlags } from '#cli/flags.ts';
import { aligned } from '#cli/output.ts';
import { follow } from '#cli/progress.ts';
import { readSite } from '#cli/site.ts';
import type { Operation } from '#control/operations.ts';
import type { Deployment, Settings } from '#core/deployment.ts';
import { Problem } from '#core/problem.ts';
import { membershipOf } from '#host/membership.ts';
import { ensureUsers } from '#host/users.ts';
import { count } from '#lib/text.ts';
import { certificateFindings } from './certificates.ts';
import { scanIsUp } from './deployment.ts';
import { examine, leftovers, removeLeftovers, requireDead, requireFit } from './doctor.ts';
import { takeDown } from './down.ts';
import { installPackages } from './install.ts';
import { lineFindings, startMember } from './machines.ts';
import { prepareSite } from './prepare.ts';
import { mebibytes, prune, spares } from './prune.ts';
import { summary } from './summary.ts';
import { bringUp, requireRoot } from './up.ts';

const listenFlag = {
  kind: 'parsed',
  optional: true,
  brief: 'Address and port of the API (default 127.0.0.1:8443)',
  placeholder: 'address:port',
  parse: (text: string): Settings => {
    const [, host = '', port = ''] = /^([\d.]+):(\d{1,5})$/.exec(text) ?? [];
    if (host === '' || Number(port) < 1 || Number(port) > 65_535)
      throw new SyntaxError('not an address and port such as 127.0.0.1:8443');
    return { host, port: Number(port) };
  },
} as const;

function settingsOf(deployment: Deployment, given: Settings | undefined): Settings {
  const path = `${deployment.state}/settings.json`;
  if (given !== undefined) return given;
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Settings) : { host: '127.0.0.1', port: 8443 };
}

export const up = buildCommand({
  docs: { brief: 'Set this machine up, start Vauban, apply a site, and say what to try next' },
  parameters: {
    flags: { state: targetFlags.state, listen: listenFlag },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Site file or folder', parse: String, optional: true, placeholder: 'site' }],
    },
  },
  async func(this: Cli, flags: { readonly state?: string; readonly listen?: Settings }, site?: string) {
    requireRoot('up');
    const say = (text: string): void => this.note(`${this.style.dim('==>')} ${text}`);
    if (site !== undefined) prepareSite(site, say);
    const files = site === undefined ? undefined : readSite(site);
    const deployment = deploymentOf(this, flags);
    if ((await membershipOf(deployment)) !== undefined) {
      if (site !== undefined)
        throw new Problem('INVALID_REQUEST', {
          at: deployment.state,
          message: 'this machine has joined a deployment elsewhere; its sites are applied there',
          fix: '`vauban up` alone starts what belongs to it here.',
        });
      const reached = await startMember(deployment, say);
      return this.print(reached ? 'Up, and control is reached.' : 'Up; what stood here stands again.');
    }
    const settings = settingsOf(deployment, flags.listen);
    const client = await bringUp({ deployment, settings, say });
    if (files !== undefined) {
      const { operation } = await client.post<{ operation: Operation }>('/v1/apply', { files, message: `up ${site}` });
      await follow(this, client, operation);
    }
    const { projects } = await client.get<{ projects: string[] }>('/v1/projects');
    await summary(this, { client, deployment, settings, projects });
  },
});

export const setup = buildCommand({
  docs: { brief: 'Install what the engines need and check this machine, without starting anything' },
  parameters: { flags: {} },
  func(this: Cli) {
    requireRoot('setup');
    installPackages((text) => this.note(`${this.style.dim('==>')} ${text}`));
    requireFit();
    ensureUsers();
    this.print('This machine has everything.');
  },
});

export const down = buildCommand({
  docs: { brief: 'Stop everything and remove every trace from the machine; state is kept unless --purge' },
  parameters: {
    flags: {
      state: targetFlags.state,
      purge: { kind: 'boolean', default: false, brief: 'Delete resources, history, threats and disks too' },
    },
  },
  async func(this: Cli, flags: { readonly state?: string; readonly purge: boolean }) {
    requireRoot('down');
    const deployment = deploymentOf(this, flags);
    await takeDown(deployment, { purge: flags.purge, say: (text) => this.note(text) });
    this.print(
      flags.purge
        ? `Down; nothing is left but images in ${deployment.state}/images, which \`vauban doctor --prune\` deletes.`
        : 'Down; `vauban up` brings everything back, `vauban down --purge` forgets it.',
    );
  },
});

interface DoctorFlags {
  readonly state?: string;
  readonly clean: boolean;
  readonly prune: boolean;
}

export const doctor = buildCommand({
  docs: { brief: 'Say what this machine has, lacks, and what is left over; exit code 1 when something is missing' },
  parameters: {
    flags: {
      state: targetFlags.state,
      clean: {
        kind: 'boolean',
        default: false,
        brief: 'Remove what a dead deployment left behind in the kernel; refused while it lives',
      },
      prune: {
        kind: 'boolean',
        default: false,
        brief: 'Delete images, layers and copies of the program that nothing uses; `up` does that after a week',
      },
    },
  },
  async func(this: Cli, flags: DoctorFlags) {
    requireRoot('doctor');
    const deployment = deploymentOf(this, flags);
    // Before anything is shown: what is refused must not look like a finding.
    if (flags.clean) requireDead(deployment);
    const findings = [
      ...examine(),
      ...certificateFindings(deployment, Date.now()),
      ...(await lineFindings(deployment)),
    ];
    const paint = { ok: this.style.green, warning: this.style.yellow, failed: this.style.red };
    const lines = aligned(findings.map((it) => [it.state.toUpperCase(), it.part, it.text]));
    for (const [index, line] of lines.entries()) this.print(paint[findings[index]?.state ?? 'ok'](line));
    if (findings.some((it) => it.state === 'failed')) this.process.exitCode = 1;
    showDeployment(this, deployment);
    this.print(`Logs: ${deployment.hostState}/logs/*/current`);
    if (flags.clean) clean(this, deployment);
    await showSpares(this, deployment, flags.prune);
  },
});

/** What a living deployment has is only counted; what a dead one has left is named, for somebody has to look at it. */
function showDeployment(cli: Cli, deployment: Deployment): void {
  const left = leftovers(deployment.id);
  const lives = scanIsUp(deployment);
  const kinds = [...Map.groupBy(left, (it) => it.kind)].map(([kind, all]) =>
    count(all.length, kind, kind === 'process' ? 'processes' : undefined),
  );
  const has = kinds.length === 0 ? 'nothing of it is on this machine' : kinds.join(', ');
  cli.print(`\nDeployment ${deployment.id} at ${deployment.state} ${lives ? 'runs' : 'does not run'}: ${has}.`);
  if (lives) return;
  for (const it of left.slice(0, 20)) cli.print(`  ${it.kind} ${it.name}`);
  if (left.length > 20) cli.print(`  and ${left.length - 20} more`);
}

function clean(cli: Cli, { id }: Deployment): void {
  removeLeftovers(id, (text) => cli.note(text));
  const still = leftovers(id);
  cli.print(still.length === 0 ? 'Removed all of them.' : `${still.length} could not be removed.`);
}

async function showSpares(cli: Cli, deployment: Deployment, away: boolean): Promise<void> {
  const found = await spares(deployment);
  for (const { kind, path } of found) cli.print(`Unused ${kind}: ${path}`);
  if (away && found.length > 0) cli.print(`Deleted ${mebibytes(prune(found))}.`);
  else if (found.length > 0) cli.print('`vauban doctor --prune` deletes what is unused.');
}
