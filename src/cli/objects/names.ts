import { namePattern } from '#core/resource.ts';

/** `AD_Server` becomes `ad-server`, `3com` becomes `n-3com`; undefined when nothing is left of it. */
export function nameFrom(text: string): string | undefined {
  if (namePattern.test(text)) return text;
  // Letters lose their accents, so that é is an e and not a dash.
  const plain = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  const name = (/^[0-9]/.test(plain) ? `n-${plain}` : plain).slice(0, 63).replace(/-+$/, '');
  return namePattern.test(name) ? name : undefined;
}
