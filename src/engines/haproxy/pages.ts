/** Pages of our own: they must stand by themselves, so style and all are in them. */

const texts: Readonly<Record<number, readonly [title: string, text: string]>> = {
  400: ['Bad request', 'The request could not be understood. Sending it again in the same form will not help.'],
  403: ['Forbidden', 'This is not allowed.'],
  404: ['Not found', 'Nothing is published under this address.'],
  405: ['Method not allowed', 'This address does not take requests of this kind.'],
  408: ['Request timeout', 'The request took too long to arrive. Please try again.'],
  413: ['Request too large', 'The request is larger than is accepted here.'],
  421: ['Misdirected request', 'This connection was made for another name. Please open a new one.'],
  425: ['Too early', 'The request came before the connection was safe. Please try again.'],
  429: ['Too many requests', 'Please wait a moment, then try again.'],
  500: ['Server error', 'Something went wrong here. Please try again in a while.'],
  502: ['Bad gateway', 'The application gave no valid answer. Please try again in 30 seconds.'],
  503: [
    'Service unavailable',
    'No server of the application can answer at the moment. Please try again in 30 seconds.',
  ],
  504: ['Gateway timeout', 'The application did not answer in time. Please try again in 30 seconds.'],
};

/** What the engine itself may answer with. */
export const engineStatuses = [400, 403, 405, 408, 413, 425, 429, 500, 502, 503, 504] as const;

export const pageStatuses = Object.keys(texts).map(Number);

export const PAGE_TYPE = '"text/html; charset=utf-8"';

/** The engine's own 503 goes out as 502 when a server was chosen and could not be reached: its page fits both. */
const SHARED = 503;

/** A log-format: `%[…]` is filled in by the engine. */
export function pageOf(status: number): string {
  const [title, text] = texts[status] ?? ['Error', ''];
  const [heading, told] = status === SHARED ? [title, ''] : [`${status} ${title}`, `Error ${status}. `];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${heading}</title>
<style>
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:Canvas;color:CanvasText}
main{max-width:34rem;padding:2rem}
h1{font-size:1.75rem;margin:0 0 .5rem}
p{margin:.5rem 0}
small{opacity:.7}
code{font-family:ui-monospace,monospace}
</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${text}</p>
<p><small>${told}Request <code>%[unique-id]</code></small></p>
</main>
</body>
</html>
`;
}
