import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import type { FilterInput } from './input.ts';
import { queueOf, queueTable, renderQueue, renderQueueForIptables } from './queue.ts';

/** Where the kernel has nft's `queue`, and where it does not; nobody else has tables in a gateway's namespace. */
const queueTables = [queueTable, 'ip mangle'];

/** How this machine holds packets for an inspection; it throws where it cannot. */
async function mannerOf(machine: Machine, id: string, { namespace, stdin }: Queue): Promise<'nft' | 'iptables'> {
  const { code, stderr } = await machine.exec(['nft', '--check', '-f', '-'], { namespace, stdin });
  if (code === 0) return 'nft';
  if (!stderr.includes('No such file or directory')) {
    throw new Problem('ENGINE_REJECTED', {
      at: id,
      message: `nft: ${stderr.trim().slice(0, 2000)}`,
      fix: 'Nothing was changed. `vauban doctor` shows what this machine lacks.',
    });
  }
  if ((await machine.exec(['iptables-nft-restore', '--version'])).code === 0) return 'iptables';
  throw new Problem('HOST_UNFIT', {
    at: id,
    message: 'the kernel of this machine has no nft queue, and iptables is not there to do without',
    fix: 'Install iptables, or let no rule be inspected.',
  });
}

interface Queue {
  readonly namespace: string;
  readonly stdin: string;
}

export async function checkQueue(machine: Machine, { id, input }: Artifact<FilterInput>): Promise<void> {
  const queue = queueOf(input);
  if (queue === undefined) return;
  await mannerOf(machine, id, { namespace: input.namespace, stdin: renderQueue(queue) });
}

/** Before rules begin to want it: what they mark must not pass unseen. */
export async function applyQueue(machine: Machine, { id, input }: Artifact<FilterInput>): Promise<void> {
  const queue = queueOf(input);
  if (queue === undefined) return;
  const { namespace } = input;
  const stdin = renderQueue(queue);
  if ((await mannerOf(machine, id, { namespace, stdin })) === 'nft') {
    await must(machine, id, ['nft', '-f', '-'], { namespace, stdin });
  } else {
    const text = renderQueueForIptables(queue);
    await must(machine, id, ['iptables-nft-restore', '-w', '-T', 'mangle'], { namespace, stdin: text });
  }
}

/** What holds packets for the inspection now; empty when nothing does. */
export async function queueText(machine: Machine, namespace: string): Promise<string> {
  for (const name of queueTables) {
    const { code, stdout } = await machine.exec(['nft', '-s', 'list', 'table', ...name.split(' ')], { namespace });
    if (code === 0) return stdout;
  }
  return '';
}

/** After no rule wants it any more. */
export async function removeQueue(machine: Machine, { input }: Artifact<FilterInput>): Promise<void> {
  if (queueOf(input) !== undefined) return;
  const { namespace } = input;
  // Not a list of all tables: for that nft reads everything that they hold.
  for (const name of queueTables) {
    const { code } = await machine.exec(['nft', 'list', 'table', ...name.split(' ')], { namespace });
    if (code === 0) await machine.exec(['nft', 'delete', 'table', ...name.split(' ')], { namespace });
  }
}
