import { readFile } from 'node:fs/promises';
import type { SuricataInput } from './input.ts';

/** Seconds that packets wait while none gets a verdict, after which an engine is taken for hung. */
const patience = 5;

/**
 * Becomes the program, with a look at its queue once a second beside it: an engine that hangs keeps the kernel from knowing that
 * nobody looks any more. Killed, it does not: what may go by goes by at once, the rest is dropped, and the supervisor
 * starts it anew. Needs nobody else of ours alive. The kernel's columns: number, socket, waiting, two of copying, lost for
 * want of room in the queue, then in the socket, and how many ever came (net/netfilter/nfnetlink_queue.c).
 */
const watching = `
queue=$1 file=$2 engine=$$
shift 2
(
  still=0 before=
  while sleep 1 && kill -0 "$engine" 2>/dev/null; do
    waiting=0 judged=
    while read -r number _ total _ _ _ lost came _; do
      [ "$number" != "$queue" ] || { waiting=$total; judged=$((came - total - lost)); }
    done </proc/net/netfilter/nfnetlink_queue
    if [ "$waiting" -gt 0 ] && [ "$judged" = "$before" ]; then still=$((still + 1)); else still=0; fi
    before=$judged
    [ "$still" -ge ${patience} ] || continue
    date +%s >>"$file"
    echo "$waiting packets waited ${patience} s and none got a verdict: the engine hangs, is killed and starts anew"
    kill -KILL "$engine"
    exit
  done
) &
exec "$@"
`;

/** The words before the program of an engine that packets wait for. */
export const watchedWords = ({ inline }: SuricataInput, file: string): readonly string[] =>
  inline?.mode === 'verdicts' ? ['sh', '-c', watching, 'watched', String(inline.number), file] : [];

export interface Hangs {
  readonly hangs: number;
  /** Seconds since 1970; 0: never. */
  readonly lastHang: number;
}

/** Since its rules were put there: how often it hung, and when it did last. */
export async function hangsIn(file: string): Promise<Hangs> {
  const times = (await readFile(file, 'utf8').catch(() => '')).split('\n').flatMap((it) => Number(it) || []);
  return { hangs: times.length, lastHang: times.at(-1) ?? 0 };
}
