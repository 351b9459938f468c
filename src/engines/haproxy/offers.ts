import type { Machine } from '#core/machine.ts';
import type { HaproxyInput } from './input.ts';
import type { Seen } from './statistics.ts';

let known: Promise<boolean> | undefined;

/** Whether the installed engine speaks QUIC, without which there is no HTTP/3. Debian 12's does not. */
export function offersHttp3(machine: Pick<Machine, 'exec'>): Promise<boolean> {
  known ??= machine.exec(['haproxy', '-vv']).then(({ stdout }) => /(^|\s)\+QUIC(\s|$)/m.test(stdout));
  return known;
}

const DAY = 86_400_000;
/** Days before its end from which on a certificate is told of. */
const SOON = 30;

/** What is known without asking the process: HTTP/3, and how long certificates last. */
export function addOffers(
  input: HaproxyInput,
  seen: Seen,
  { http3, now }: { readonly http3: boolean; readonly now: number },
): void {
  for (const target of new Set(input.frontends.flatMap((it) => it.tls?.target ?? []))) {
    // Even where the engine has it, front ends do not listen for it yet.
    seen.values[target] = { ...seen.values[target], http3: 0 };
    seen.details[target] = http3
      ? 'HTTP/1.1 and HTTP/2; HTTP/3 is not offered: front ends do not listen for QUIC yet'
      : 'HTTP/1.1 and HTTP/2; HTTP/3 is not offered: the installed HAProxy has no QUIC';
  }
  for (const it of input.certificates) {
    // Of one that an authority renews, that says when it ends.
    if (it.notAfter === undefined) continue;
    const days = Math.floor((it.notAfter - now) / DAY);
    seen.values[it.id] = { daysLeft: days };
    if (now > it.notAfter) seen.details[it.id] = 'it has run out: browsers refuse it';
    else if (days < SOON) seen.details[it.id] = `it runs out in ${days} ${days === 1 ? 'day' : 'days'}`;
  }
}
