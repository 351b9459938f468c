import * as z from 'zod';

const Neighbours = z.array(
  z.object({ dst: z.string(), lladdr: z.string().optional(), state: z.array(z.string()).default([]) }),
);

/** Hardware addresses by address, from `ip -j neigh show`. One that nobody answered for lately says nothing. */
export function neighboursIn(text: string): ReadonlyMap<string, string> {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return new Map();
  }
  const found = Neighbours.catch([]).parse(said);
  return new Map(
    found.flatMap(({ dst, lladdr, state }) =>
      lladdr === undefined || state.includes('FAILED') ? [] : [[dst, lladdr] as const],
    ),
  );
}
