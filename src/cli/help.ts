import { aligned } from './output.ts';
import type { Style } from './style.ts';
import type { VerbGroups } from './verbs.ts';

/** The overview: every verb on one line, in groups. Flags are one `--help` further. */
export function overview(groups: VerbGroups, style: Style): string {
  const width = Math.max(...Object.values(groups).flatMap((verbs) => Object.keys(verbs).map((it) => it.length)));
  const blocks = Object.entries(groups).map(([title, verbs]) =>
    [
      style.bold(title),
      ...aligned(Object.entries(verbs).map(([name, { brief }]) => [`  ${name.padEnd(width)}`, brief])),
    ].join('\n'),
  );
  return [
    'The network perimeter of a cloud, on your own Linux machines.',
    ...blocks,
    `${style.bold('Begin with')}\n  sudo ./vauban up examples/cloud-ids`,
    [
      '`vauban VERB --help` shows its flags. Exit codes: 0 done, 1 failed, 2 wrong command line,',
      '3 the plan has changes, 4 refused.',
    ].join('\n'),
  ].join('\n\n');
}
