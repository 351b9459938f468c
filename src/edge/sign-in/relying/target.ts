/** Characters of an address to come back to; a longer one is forgotten. */
const LONGEST = 2048;

/**
 * Where to go after the sign-in: a path of the same origin, whatever spelling somebody chose to make it another. What a
 * browser would read as another host, or as no path at all, becomes the front page.
 */
export function safeTarget(wanted: string | null | undefined): string {
  if (wanted === null || wanted === undefined || wanted.length > LONGEST) return '/';
  // Browsers drop tabs and line breaks anywhere, and take a backslash for a slash.
  if (!wanted.startsWith('/') || /[\p{Cc}\s\\]/u.test(wanted)) return '/';
  const url = URL.parse(wanted, 'https://here.invalid');
  if (url === null || url.origin !== 'https://here.invalid' || url.username !== '') return '/';
  const path = `${url.pathname}${url.search}`;
  // A path of two slashes would be another host; `/.//x` becomes one when it is read.
  if (path.startsWith('//') || path.startsWith('/_gcp_iap/')) return '/';
  return path;
}
