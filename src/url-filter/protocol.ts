import type { Asked, Decision } from './decide.ts';

/** Fields of a line that squid asks with, behind the number of the question; see `engines/squid/render.ts`. */
export interface Question {
  /** What the answer must begin with. */
  readonly channel: string;
  readonly asked: Asked;
  readonly method: string;
}

/** `7 10.0.0.2 3130 10.1.1.1 CONNECT 10.1.1.1 www.example.com`; undefined when it is none. Total. */
export function parseQuestion(line: string): Question | undefined {
  const [channel, client, port, server, method, host, serverName, ...rest] = line.trim().split(' ').map(plain);
  if (serverName === undefined || channel === undefined || !/^\d+$/.test(channel)) return undefined;
  // Squid may add a word for what no format names.
  if (rest.length > 1 || client === undefined || server === undefined || method === undefined || host === undefined)
    return undefined;
  const tls = method === 'CONNECT';
  const said = tls ? serverName : host;
  return {
    channel,
    method,
    asked: { client, port: Number(port), server, tls, host: said === '-' ? '' : said },
  };
}

function plain(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

/** Everything but what can neither end a word nor a line. */
const escaped = (text: string): string =>
  encodeURIComponent(text).replace(/%(2C|2F|3A|3B|3C|3D|3E|40|7B|7D|23|26|28|29|2B|3F|5B|5D|21)/g, (_, code) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );

/** The answer: `OK` lets it pass. What follows are notes, which the log of squid takes up; `page` is shown as it is. */
export function answerOf(channel: string, decision: Decision, it: { ref: string; page: string }): string {
  const { profile, rule, list, filterRule } = decision;
  const notes: readonly (readonly [string, string])[] = [
    ['ref', it.ref],
    ['verdict', decision.verdict],
    ['cause', decision.cause],
    ['profile', profile?.id ?? ''],
    ['rule', rule?.id ?? ''],
    ['category', list?.name ?? ''],
    ['filter', filterRule ?? ''],
    ['host', decision.host.slice(0, 300)],
    ['message', decision.verdict === 'block' ? it.page : ''],
  ];
  const words = notes.filter(([, text]) => text !== '').map(([name, text]) => `${name}=${escaped(text)}`);
  return `${channel} ${decision.verdict === 'allow' ? 'OK' : 'ERR'} ${words.join(' ')}\n`;
}

/** Squid refuses what it gets no verdict about. */
export const noAnswer = (channel: string): string => `${channel} BH message=no-policy\n`;
