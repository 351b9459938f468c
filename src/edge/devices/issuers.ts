import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { EdgeInput } from '#engines/edge/input.ts';
import { publishedPaths } from '#engines/pki/paths.ts';
import { type RevocationList, readLists } from '#engines/pki/revocation-list.ts';

/** An authority whose certificates devices may show. */
export interface Issuer {
  /** Name of its resource. */
  readonly name: string;
  readonly certificates: readonly X509Certificate[];
  /** `none`: it revokes nothing; undefined: it has lists, and they cannot be read. */
  readonly lists: readonly RevocationList[] | 'none' | undefined;
}

export interface Issuers {
  all(): readonly Issuer[];
  onChange(listener: () => void): () => void;
  stop(): void;
}

/** Milliseconds between two looks at what authorities publish. */
const INTERVAL = 250;

interface IssuersParts {
  readonly input: () => EdgeInput;
  readonly onInput: (listener: () => void) => void;
  /** See `publishedFolder`. */
  readonly folder: string;
}

/** Follows what the authorities publish that front ends ask for: a renewed one, another revocation list. */
export function followIssuers({ input, onInput, folder }: IssuersParts): Issuers {
  const listeners = new Set<() => void>();
  let state = '';
  let all: readonly Issuer[] = [];
  const look = (): void => {
    const wanted = [...new Map(input().deviceAuthorities.map((it) => [it.name, it])).values()];
    const files = wanted.map((it) => ({ ...it, ...publishedPaths(folder, it.id) }));
    const now = files
      .map((it) => [it.name, it.listed, stateOf(it.publishedCertificate), stateOf(it.published)].join(' '))
      .join('\n');
    if (now === state) return;
    state = now;
    all = files.map((it) => ({
      name: it.name,
      certificates: certificatesIn(textIn(it.publishedCertificate)),
      lists: it.listed ? readLists(textIn(it.published)) : 'none',
    }));
    for (const listener of listeners) listener();
  };
  look();
  onInput(look);
  const timer = setInterval(look, INTERVAL);
  return {
    all: () => all,
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    stop: () => clearInterval(timer),
  };
}

/** They are replaced by a rename, so another content is another file. */
function stateOf(path: string): string {
  const seen = statSync(path, { throwIfNoEntry: false });
  return seen === undefined ? 'none' : `${seen.ino} ${seen.mtimeMs} ${seen.size}`;
}

function textIn(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const blocks = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----/g;

const certificatesIn = (pem: string): readonly X509Certificate[] =>
  (pem.match(blocks) ?? []).flatMap((it) => {
    try {
      return [new X509Certificate(it)];
    } catch {
      return [];
    }
  });
