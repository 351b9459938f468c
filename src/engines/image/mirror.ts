import type { ImageInput } from './image.ts';

/** One line of `apt-get indextargets` in {@link targetFormat}. */
export interface IndexTarget {
  readonly origin: string;
  readonly codename: string;
  readonly uri: string;
}

export const targetFormat = '$(ORIGIN)|$(CODENAME)|$(REPO_URI)';

export function parseTargets(text: string): IndexTarget[] {
  return text.split('\n').flatMap((line) => {
    const [origin, codename, uri] = line.split('|');
    return origin && codename && uri && /^[\w+.-]+:\S+$/.test(uri) ? [{ origin, codename, uri }] : [];
  });
}

/**
 * The lines of sources.list for a suite, from where this machine itself gets its Debian packages: the release, and its
 * updates and security fixes when the machine has them configured. Empty when no Debian mirror is configured.
 */
export function sourcesFor(suite: ImageInput['suite'], targets: readonly IndexTarget[]): string[] {
  const debian = targets.filter((it) => it.origin === 'Debian');
  const uriOf = (wanted: RegExp) => debian.find((it) => wanted.test(it.codename))?.uri;
  const release = uriOf(/^[a-z]+$/);
  if (release === undefined) return [];
  const updates = uriOf(/^[a-z]+-updates$/);
  const security = uriOf(/^[a-z]+-security$/);
  return [
    `deb ${release} ${suite} main`,
    ...(updates === undefined ? [] : [`deb ${updates} ${suite}-updates main`]),
    ...(security === undefined ? [] : [`deb ${security} ${suite}-security main`]),
  ];
}
