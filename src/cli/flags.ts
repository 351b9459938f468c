import { formats } from './output.ts';

/** Flags that many verbs share, as stricli declares them. */
export const targetFlags = {
  state: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'State folder of the deployment (default /var/lib/vauban)',
    placeholder: 'folder',
  },
  project: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'Project (default: the only one)',
    placeholder: 'name',
  },
} as const;

export const formatFlag = {
  kind: 'enum',
  values: formats,
  default: 'table',
  brief: 'Output format',
} as const;

export const targetAliases = { p: 'project' } as const;

/** `90`, `90s`, `2m`, `1h` as seconds. */
export function seconds(text: string): number {
  const [, number, unit] = /^(\d{1,6})([smh]?)$/.exec(text) ?? [];
  const factor = { s: 1, m: 60, h: 3600, '': 1 }[unit ?? ''] ?? 1;
  const value = Number(number) * factor;
  if (number === undefined || value < 1 || value > 86_400)
    throw new SyntaxError('not a time from 1s to 24h, such as 90s or 2m');
  return value;
}

/** Where a verb writes that prints otherwise. */
export const fileFlag = {
  kind: 'parsed',
  parse: String,
  optional: true,
  brief: 'File to write (default: standard output)',
  placeholder: 'file',
} as const;
