import { expect, test } from 'vitest';
import type { Machine } from '#core/machine.ts';
import { askedOnce } from './asked-once.ts';

function counting() {
  const asked: string[] = [];
  const machine = {
    exec: async (argv: readonly string[], { namespace = '', stdin = '' } = {}) => {
      asked.push([namespace, ...argv, stdin].join(' ').trim());
      return { code: 0, stdout: String(asked.length), stderr: '' };
    },
    supervisor: {
      status: async (name: string) => {
        asked.push(name);
        return { up: true, seconds: 1 };
      },
    },
  } as unknown as Machine;
  return { machine, asked };
}

test('in one look the same question is asked once, and everybody gets the answer', async () => {
  const { machine, asked } = counting();
  const look = askedOnce(machine);
  const answers = await Promise.all([1, 2, 3].map(() => look.exec(['ip', 'link'], { namespace: 'a' })));
  expect(answers.map((it) => it.stdout)).toEqual(['1', '1', '1']);
  await Promise.all([look.supervisor.status('dns'), look.supervisor.status('dns')]);
  expect(asked).toEqual(['a ip link', 'dns']);
});

test('another namespace, other input and another look are other questions', async () => {
  const { machine, asked } = counting();
  const look = askedOnce(machine);
  await look.exec(['ip', 'link'], { namespace: 'a' });
  await look.exec(['ip', 'link'], { namespace: 'b' });
  await look.exec(['ip', '-batch', '-'], { namespace: 'a', stdin: 'link' });
  await look.exec(['ip', '-batch', '-'], { namespace: 'a', stdin: 'addr' });
  await askedOnce(machine).exec(['ip', 'link'], { namespace: 'a' });
  expect(asked).toEqual(['a ip link', 'b ip link', 'a ip -batch - link', 'a ip -batch - addr', 'a ip link']);
});

test('whoever reads along has the program to themselves', async () => {
  const { machine, asked } = counting();
  const look = askedOnce(machine);
  await look.exec(['tail'], { done: () => true });
  await look.exec(['tail'], { done: () => true });
  expect(asked).toEqual(['tail', 'tail']);
});
