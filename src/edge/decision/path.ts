/** Paths that a backend may read in another way than the policy: none of them is decided about. */
const ambiguous = /[\\;]|\/\/|%(?:2e|2f|5c|3b|00|25)|(?:^|\/)\.{1,2}(?:\/|$)/i;

/**
 * The decoded path of a request target, for conditions. Undefined when it can be read in more than one way: dot segments,
 * doubled or encoded slashes, backslashes, parameters, encoded percent signs, or bytes that are no UTF-8.
 */
export function decidablePath(url: string): string | undefined {
  const [path = '/'] = url.split(/[?#]/, 1);
  if (!path.startsWith('/') || ambiguous.test(path)) return undefined;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** For policies that do not look at the path: whatever it is, they say the same. */
export const pathOf = (url: string): string => url.split(/[?#]/, 1)[0] ?? '/';
