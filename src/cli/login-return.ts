import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline/promises';
import { Problem } from '#core/problem.ts';
import { html } from '#edge/pages/html.ts';
import { page, pageHeaders } from '#edge/pages/page.ts';

/** Milliseconds for a person to sign in. */
const PATIENCE = 10 * 60_000;
const PATH = '/callback';

/** Where the browser is sent back to: a port of this machine, for this one sign-in. */
export interface Return {
  readonly redirectUri: string;
  /** The address that it comes back with; answers of other sign-ins are none. */
  arrival(state: string): Promise<URL>;
  stop(): void;
}

export async function startReturn(): Promise<Return> {
  const { promise, resolve, reject } = Promise.withResolvers<URL>();
  // Nobody may be waiting for it when it ends.
  promise.catch(() => {});
  let expected: string | undefined;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', redirectUri);
    const ours = url.pathname === PATH && expected !== undefined && url.searchParams.get('state') === expected;
    const title = !ours ? 'Nothing to see here' : url.searchParams.has('code') ? 'You are signed in' : 'Not signed in';
    const body = html`<p>${ours ? 'Go back to the command line; you can close this page.' : 'No sign-in waits for this.'}</p>`;
    response.writeHead(ours ? 200 : 404, { ...pageHeaders, connection: 'close' }).end(page({ title, body }));
    if (ours) resolve(url);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const redirectUri = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}${PATH}`;
  const late = setTimeout(() => reject(tooLate()), PATIENCE);
  return {
    redirectUri,
    arrival: (state) => {
      expected = state;
      return promise;
    },
    stop: () => {
      clearTimeout(late);
      server.close();
      server.closeIdleConnections();
    },
  };
}

const tooLate = (): Problem =>
  new Problem('UNAUTHENTICATED', {
    at: 'vauban login',
    message: 'nobody has signed in within ten minutes',
    fix: 'Begin again.',
  });

/** What a person pastes: the address that the browser could not open. */
export async function pastedAddress(input: NodeJS.ReadableStream, redirectUri: string): Promise<URL> {
  const lines = createInterface({ input });
  try {
    for await (const line of lines) {
      const pasted = line.trim();
      if (pasted === '') continue;
      const url = URL.parse(pasted);
      if (url?.href.startsWith(`${redirectUri}?`)) return url;
      throw new Problem('INVALID_REQUEST', {
        at: 'the address',
        message: `it does not begin with ${redirectUri}?`,
        fix: 'Begin again, and paste the whole address from the address bar of the browser.',
      });
    }
  } finally {
    lines.close();
  }
  // Nothing more can be typed; the browser may still come by itself.
  return new Promise<URL>(() => {});
}

/** False when there is none. `BROWSER` names one, as for other programs. */
export function openBrowser(env: Readonly<Record<string, string | undefined>>, address: string): boolean {
  const named = env['BROWSER'];
  if (named === undefined && env['DISPLAY'] === undefined && env['WAYLAND_DISPLAY'] === undefined) return false;
  const child = spawn(named ?? 'xdg-open', [address], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
  return true;
}
