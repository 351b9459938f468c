import * as z from 'zod';
import { Address, Description } from '../fields.ts';

const Router = z
  .strictObject({
    address: Address.describe('Address of the router on a network of the gateway.'),
    weight: z
      .int()
      .min(1)
      .max(256)
      .default(1)
      .describe('Its share of what is balanced: of weights 3 and 1 it gets three quarters.'),
    targets: z
      .array(Address)
      .max(8)
      .default([])
      .describe(
        'Who is asked behind it, each by this router only; one answer is enough. None: the router itself is asked.',
      ),
  })
  .meta({ id: 'RouterObjectRouter' });

export const RouterObjectSpec = z
  .strictObject({
    gateways: z.array(Router).min(1).max(16).describe('The routers that lead there, in the order of preference.'),
    backups: z
      .array(Router)
      .max(16)
      .default([])
      .describe('Routers that are used when too few of `gateways` answer, in the order of preference.'),
    loadBalancing: z
      .enum(['none', 'connections', 'sources'])
      .default('none')
      .describe(
        '`none`: the first that answers has it all. `connections`: each connection has its router. `sources`: each sender has.',
      ),
    fewest: z
      .int()
      .min(1)
      .max(16)
      .default(1)
      .describe('Backups join when fewer of `gateways` than this answer. 1: when none does.'),
    failBack: z
      .boolean()
      .default(true)
      .describe(
        'Whether new connections go back to a preferred router as soon as it answers again. Off: those in use are kept while one answers.',
      ),
    probe: z
      .strictObject({
        method: z
          .enum(['icmp', 'tcp'])
          .default('icmp')
          .describe('`icmp`: an echo. `tcp`: a connection; a refused one is an answer.'),
        port: z.int().min(1).max(65_535).default(80).describe('Port that is asked by `tcp`.'),
        intervalSeconds: z.int().min(1).max(3600).default(1).describe('Seconds between two questions.'),
        timeoutSeconds: z.int().min(1).max(60).default(1).describe('Seconds that an answer may take.'),
        tries: z
          .int()
          .min(1)
          .max(20)
          .default(3)
          .describe('Questions without an answer until the router counts as down.'),
      })
      .optional()
      .describe('How routers are asked whether they work. None: by icmp each second, when there are several.'),
    whenNoneAnswers: z
      .enum(['defaultRoute', 'drop'])
      .default('defaultRoute')
      .describe(
        '`defaultRoute`: it goes by the default router; the default router itself is used as if it answered. `drop`: nothing leaves.',
      ),
    description: Description,
  })
  .meta({
    id: 'RouterObject',
    title: 'Router object',
    description:
      'One router or several under a name, which gateways use as the default router, in routes and in filter rules. Of several, those that answer are used.',
  });

export type RouterObjectSpec = z.infer<typeof RouterObjectSpec>;
