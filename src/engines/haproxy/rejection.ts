import { Problem } from '#core/problem.ts';
import type { HaproxyInput } from './input.ts';

/** HAProxy names a line; a person needs the resource that the line came from. */
export function rejection(input: HaproxyInput, config: string, said: string): Problem {
  const alerts = said.split('\n').filter((it) => it.includes('[ALERT]'));
  const [first = said.trim()] = alerts;
  const [, line] = /haproxy\.cfg:(\d+)\]/.exec(first) ?? [];
  const message = first
    .replace(/^.*?\[[^\]]*haproxy\.cfg:\d+\]\s*:?\s*/, '')
    .replace(/^\[ALERT\]\s*\(\d+\)\s*:\s*/, '');
  return new Problem('ENGINE_REJECTED', {
    at: (line === undefined ? undefined : ownerOf(input, config, Number(line))) ?? `${input.project} load balancer`,
    message: `HAProxy refused it: ${message.slice(0, 500)}`,
    fix: 'Nothing was changed. Correct it, then apply again.',
  });
}

function ownerOf(input: HaproxyInput, config: string, line: number): string | undefined {
  const head = config
    .split('\n')
    .slice(0, line)
    .findLast((it) => /^(frontend|backend) /.test(it));
  const [, name = ''] = head?.split(' ') ?? [];
  const plain = name.replace(/^front\./, '').replace(/\.ask$/, '');
  const list = name.startsWith('front.') ? input.frontends : input.services;
  return list.find((it) => it.name === plain)?.id;
}
