import type { SuricataInput } from './input.ts';

/**
 * What the load balancer tells a host about a request: who asked, under which id, and who was signed in. The engine reads
 * it from the headers that it has parsed itself, in requests from the load balancer's own addresses only; what anybody
 * else writes under these names means nothing. Alerts carry it along as variables of their session.
 */
export const proxiedVariables = {
  client: 'vauban_client',
  request: 'vauban_request',
  person: 'vauban_person',
} as const;

/** Signatures of the rules that only remember. */
const FIRST_SID = 9_000_050;

const address = '[0-9.]{7,15}';
/** As the load balancer makes them. */
const requestId = '[0-9a-f]{32}';

/** The last line of a name counts, and in it the last element but one: what stands before is the client's own. */
const line = (name: string, value: string): string => `/(?:^|.*\\n)${name}: ${value}\\r?\\n/si`;

interface Memory {
  readonly says: string;
  readonly match: string;
  readonly pattern: string;
  readonly variable: string;
}

const memories: readonly Memory[] = [
  {
    says: 'client',
    match: 'content:"x-forwarded-for"; nocase;',
    pattern: line('x-forwarded-for', `(?:[^\\r\\n]*,)? ?(${address}), ?${address}`),
    variable: proxiedVariables.client,
  },
  {
    says: 'request',
    match: 'content:"x-request-id"; nocase;',
    pattern: line('x-request-id', `(${requestId})`),
    variable: proxiedVariables.request,
  },
  {
    says: 'person',
    match: 'content:"x-goog-authenticated-user-email"; nocase;',
    pattern: line('x-goog-authenticated-user-email', '([^\\r\\n]{3,320})'),
    variable: proxiedVariables.person,
  },
  {
    // Requests of one session may be of different people: without a name the one before must be forgotten.
    says: 'nobody',
    match: 'content:"x-request-id"; nocase; content:!"x-goog-authenticated-user-email"; nocase;',
    pattern: line('x-request-id', `(${requestId})`),
    variable: proxiedVariables.person,
  },
];

/** Rules that raise nothing. Empty when there is no load balancer to listen to. */
export function renderProxied({ proxies }: Pick<SuricataInput, 'proxies'>): string {
  if (proxies.length === 0) return '';
  return memories
    .map(({ says, match, pattern, variable }, index) => {
      const from = `[${proxies.join(',')}]`;
      const options = `flow:to_server; http.header; ${match} pcre:"${pattern}, flow:${variable}"; noalert;`;
      return `alert http ${from} any -> any any (msg:"Vauban proxied ${says}"; ${options} sid:${FIRST_SID + index}; rev:1;)\n`;
    })
    .join('');
}
