import { readFileSync } from 'node:fs';
import { buildCommand, buildRouteMap } from '@stricli/core';
import { type Cli, clientOf, deploymentOf, type Target } from '#cli/context.ts';
import { formatFlag, targetAliases, targetFlags } from '#cli/flags.ts';
import { type Format, printList } from '#cli/output.ts';
import type { Invited, MachineEntry } from '#control/machines/seen.ts';
import { openingKeyOf } from '#core/deployment.ts';
import { Problem } from '#core/problem.ts';
import { deposit, newToken } from '#lib/token-box.ts';
import { join as joinDeployment, joinTokenText, leave as leaveDeployment, ownAddress } from './machines.ts';
import { requireRoot } from './up.ts';

type State = Pick<Target, 'state'>;

const machineName = { brief: 'Name of the machine', parse: String, placeholder: 'machine' } as const;
const force = (brief: string) => ({ kind: 'boolean', default: false, brief }) as const;

const token = buildCommand({
  docs: { brief: 'Print a token by which a machine may join once, within 15 minutes' },
  parameters: {
    flags: {
      state: targetFlags.state,
      listen: {
        kind: 'parsed',
        optional: true,
        brief: 'Address of this machine, and port, that the other one dials (default: its own address, 8444)',
        placeholder: 'address:port',
        parse: (text: string) => {
          const [, address = '', port = '8444'] = /^([\d.]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
          if (address === '') throw new SyntaxError('not an address and port such as 10.9.0.1:8444');
          return { address, port: Number(port) };
        },
      },
    },
    positional: { kind: 'tuple', parameters: [machineName] },
  },
  async func(this: Cli, flags: State & { readonly listen?: { address: string; port: number } }, name: string) {
    requireRoot('machines token');
    const address = flags.listen?.address ?? ownAddress();
    if (address === undefined)
      throw new Problem('HOST_UNFIT', {
        at: 'address',
        message: 'this machine has no address that others could dial',
        fix: 'Name one with --listen ADDRESS:PORT.',
      });
    const secret = newToken();
    const key = readFileSync(openingKeyOf(deploymentOf(this, flags)), 'utf8');
    // Control keeps the box and cannot open it: it goes on being unable to read what it has sealed.
    const invited = await clientOf(this, flags).post<Invited>('/v1/machines:invite', {
      ...{ machine: name, address, port: flags.listen?.port ?? 8444 },
      ...deposit(secret, key),
    });
    const { address: at, port, fingerprint } = invited;
    this.note(`On the other machine, before ${invited.expireTime}: sudo vauban machines join TOKEN`);
    this.print(joinTokenText({ machine: name, door: { address: at, port, fingerprint }, secret }));
  },
});

const join = buildCommand({
  docs: { brief: 'Let this machine join a deployment elsewhere, by a token made there' },
  parameters: {
    flags: { state: targetFlags.state },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'What `vauban machines token` printed there', parse: String, placeholder: 'token' }],
    },
  },
  async func(this: Cli, flags: State, text: string) {
    requireRoot('machines join');
    const say = (line: string): void => this.note(`${this.style.dim('==>')} ${line}`);
    const name = await joinDeployment(deploymentOf(this, flags), text, say);
    this.print(
      `This machine is ${name}, as \`vauban machines list\` there shows. Sites may now say \`machine: ${name}\`.`,
    );
  },
});

const leave = buildCommand({
  docs: { brief: 'Let this machine leave its deployment, and remove every trace of it here' },
  parameters: {
    flags: {
      state: targetFlags.state,
      force: force('Also when something of a site stands here, or control does not answer'),
    },
  },
  async func(this: Cli, flags: State & { readonly force: boolean }) {
    requireRoot('machines leave');
    const say = (line: string): void => this.note(line);
    const name = await leaveDeployment(deploymentOf(this, flags), { force: flags.force, say });
    this.print(`${name} has left; nothing of it is on this machine.`);
  },
});

const remove = buildCommand({
  docs: { brief: 'Send a machine away that cannot leave by itself; its certificate counts no more' },
  parameters: {
    flags: { ...targetFlags, force: force('Also when something of a site stands there') },
    aliases: targetAliases,
    positional: { kind: 'tuple', parameters: [machineName] },
  },
  async func(this: Cli, flags: Target & { readonly force: boolean }, name: string) {
    await clientOf(this, flags).delete(`/v1/machines/${encodeURIComponent(name)}${flags.force ? '?force=true' : ''}`);
    this.print(
      `${name} belongs to this deployment no more. What stands there goes on until \`vauban machines leave\`.`,
    );
  },
});

const list = buildCommand({
  docs: { brief: 'List machines that have joined: whether they are connected, since when, and what they hold' },
  parameters: { flags: { ...targetFlags, output: formatFlag }, aliases: { ...targetAliases, o: 'output' } },
  async func(this: Cli, flags: Target & { readonly output: Format }) {
    const { items } = await clientOf(this, flags).get<{ items: MachineEntry[] }>('/v1/machines');
    printList(this, flags.output, items, {
      name: (it) => it.name,
      empty: 'No machine has joined; `vauban machines token NAME` lets one.',
      columns: [
        { title: 'NAME', value: (it) => it.name },
        { title: 'CONNECTED', value: (it) => (it.connected ? 'yes' : 'no') },
        { title: 'SINCE', value: (it) => it.since ?? '-' },
        { title: 'FROM', value: (it) => it.address ?? '-' },
        { title: 'VERSION', value: (it) => it.version ?? '-' },
        { title: 'REVISION', value: (it) => (it.revision === undefined ? '-' : String(it.revision)) },
        { title: 'TROUBLE', value: (it) => it.trouble ?? '' },
      ],
    });
  },
});

export const machines = buildRouteMap({
  routes: { token, join, leave, list, remove },
  docs: { brief: 'Machines of this deployment beside this one' },
});
