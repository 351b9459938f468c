import * as z from 'zod';

/** What whoever watches the routers of a gateway says of them; a file that is written anew when something changes. */
export const RoutingStatus = z.strictObject({
  input: z.string().describe('Hash of the input that is in force.'),
  hops: z.record(
    z.string(),
    z.strictObject({
      state: z.enum(['up', 'down', 'away']),
      since: z.number().describe('Seconds since 1970.'),
      answeredMs: z.number().nullable().describe('How long the last answer took; null: there was none yet.'),
    }),
  ),
  routers: z.record(
    z.string(),
    z.strictObject({ used: z.array(z.number()), by: z.enum(['gateways', 'backups', 'none']) }),
  ),
  refused: z.string().nullable().describe('What the kernel said to routes that it did not take.'),
});
export type RoutingStatus = z.infer<typeof RoutingStatus>;

/** The folder that both sides know. */
export const routingPaths = (run: string, namespace: string) => {
  const folder = `${run}/gateway/${namespace}/routing`;
  return { folder, input: `${folder}/input.json`, said: `${folder}/said`, status: `${folder}/said/status.json` };
};
export type RoutingPaths = ReturnType<typeof routingPaths>;
