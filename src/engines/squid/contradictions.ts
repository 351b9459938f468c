interface Contradictable {
  readonly control: number;
  readonly listeners: readonly { readonly http: number; readonly https: number; readonly profile: string }[];
  readonly profiles: readonly {
    readonly name: string;
    readonly rules: readonly { readonly id: string; readonly lists: readonly string[] }[];
    readonly barred?: readonly { readonly list: string }[] | undefined;
  }[];
  readonly lists: readonly { readonly name: string }[];
}

type Contradiction = readonly [path: readonly (string | number)[], message: string];

/** What no single field can show: doubles, and names of nothing. */
export function contradictions(input: Contradictable): readonly Contradiction[] {
  const profiles = new Set(input.profiles.map((it) => it.name));
  const lists = new Set(input.lists.map((it) => it.name));
  const ports = [input.control, ...input.listeners.flatMap((it) => [it.http, it.https])];
  return [
    ...doubled(ports.map(String)).map((port): Contradiction => [['listeners'], `port ${port} is there twice`]),
    ...doubled(input.profiles.map((it) => it.name)).map(twice('profiles')),
    ...doubled(input.lists.map((it) => it.name)).map(twice('lists')),
    ...doubled(input.profiles.flatMap((it) => it.rules.map((rule) => rule.id))).map(twice('profiles')),
    ...input.listeners.flatMap(({ profile }, index): Contradiction[] =>
      profiles.has(profile) ? [] : [[['listeners', index, 'profile'], `there is no profile ${profile}`]],
    ),
    ...input.profiles.flatMap(({ barred = [] }, index) =>
      barred
        .filter((it) => !lists.has(it.list))
        .map(({ list }): Contradiction => [['profiles', index, 'barred'], `there is no list ${list}`]),
    ),
    ...input.profiles.flatMap((profile, index) =>
      profile.rules.flatMap((rule, at) =>
        rule.lists
          .filter((it) => !lists.has(it))
          .map((it): Contradiction => [['profiles', index, 'rules', at, 'lists'], `there is no list ${it}`]),
      ),
    ),
  ];
}

const twice =
  (field: string) =>
  (name: string): Contradiction => [[field], `${name} is there twice`];

const doubled = (names: readonly string[]): readonly string[] => [
  ...new Set(names.filter((it, index) => names.indexOf(it) !== index)),
];
