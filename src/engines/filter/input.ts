import * as z from 'zod';
import { judgedOnce } from '../judged-once.ts';
import { Address, InterfaceName, NamespaceName, Prefix } from '../schemas.ts';
import { contradictions } from './contradictions.ts';
import { Local, Rule } from './policy.ts';
import { parseRange } from './ranges.ts';
import { Service } from './service.ts';
import { Key, Side } from './side.ts';
import { Translation } from './translation.ts';

const Interface = z.strictObject({
  name: InterfaceName,
  networks: z.array(Prefix).describe('Prefixes that are reached by it, routed ones included. Not asked when external.'),
  external: z.boolean().describe('Whether it leads to everything that lies behind no other interface.'),
  antispoofing: z
    .boolean()
    .describe('Whether packets die whose sender cannot be there: on an internal one, a sender outside its networks.'),
});

const AddressSet = z.strictObject({
  key: Key.describe('Key of the object.'),
  ranges: z
    .array(z.string().refine((text) => parseRange(text) !== undefined, 'not 10.0.0.1, 10.0.0.0/8 or 10.0.0.1-10.0.0.9'))
    .describe('Addresses, prefixes or closed ranges; none: it matches nothing.'),
});

const ServiceSet = z.strictObject({
  key: Key.describe('Key of the object.'),
  services: z.array(Service).describe('One is enough; none: it matches nothing.'),
});

const Guard = z.strictObject({
  id: Key,
  outInterfaces: z.array(InterfaceName).min(1).describe('Interfaces by which it must not leave in the clear.'),
  source: Side,
  destination: Side,
});

const Canary = z
  .strictObject({ address: Address, port: z.int().min(1).max(65_535) })
  .describe('UDP to this address of the gateway, on its loopback, is inspected, too: it proves that somebody looks.');

/** One gateway's packet filter and address translation. Rules name sets; every set is here, already resolved. */
export const FilterInput = z
  .strictObject({
    namespace: NamespaceName,
    owner: Key.max(102).describe('Key of the gateway; what no rule decides is counted under OWNER/implicit/...'),
    interfaces: z.array(Interface).describe('Interfaces of the gateway. What comes in by others is dropped.'),
    addressSets: judgedOnce(AddressSet, (it) => it.key),
    serviceSets: judgedOnce(ServiceSet, (it) => it.key),
    people: z
      .array(z.strictObject({ key: Key }))
      .describe(
        'Sets of who may reach what, filled from the file of grants while people are signed in; kept over changes.',
      ),
    rules: judgedOnce(Rule, (it) => it.id).describe(
      'What is forwarded, in order; the first that matches decides. Nothing: drop.',
    ),
    nat: z.array(Translation).describe('Address translation, in order; the first that matches decides.'),
    local: z.array(Local).describe('What the gateway itself accepts, in any order. Everything else meets silence.'),
    guards: z.array(Guard).describe('What must never leave outside of a tunnel, whatever the rules say.'),
    clamps: z
      .array(z.strictObject({ interface: InterfaceName, maxSegmentSize: z.int().min(536).max(1460) }))
      .optional()
      .describe('Largest TCP segment of connections that enter or leave by an interface. Default: as both ends agree.'),
    logGroup: z.int().min(0).max(65_535).describe('Group number of nflog.'),
    logLimit: z
      .strictObject({ perSecond: z.int().min(1).max(10_000), burst: z.int().min(1).max(10_000) })
      .describe('Lines for each rule and sender; counters count everything.'),
    logImplicit: z.boolean().describe('Whether what no rule decided is logged.'),
    ips: z
      .strictObject({ queue: z.int().min(0).max(65_535), canary: Canary })
      .optional()
      .describe(
        'Queue that inspected packets wait in for their verdict. Default: there is none, they are dropped or pass.',
      ),
    ids: z
      .strictObject({ group: z.int().min(1).max(65_535).describe('Group number of nflog.'), canary: Canary })
      .optional()
      .describe('Who gets copies of what rules want looked at. Default: nobody.'),
    others: z
      .literal('pass')
      .optional()
      .describe(
        'What neither comes in nor goes out by its interfaces is none of its business. Default: it is dropped.',
      ),
    cut: z.boolean().describe('Whether connections that the rules would not let start any more are ended.'),
  })
  .superRefine((input, context) => {
    for (const [path, message] of contradictions(input)) context.addIssue({ code: 'custom', path: [...path], message });
  });

export type FilterInput = z.infer<typeof FilterInput>;
export type FilterRule = FilterInput['rules'][number];
export type FilterTranslation = FilterInput['nat'][number];
export type FilterLocal = FilterInput['local'][number];
export type FilterInterface = FilterInput['interfaces'][number];
export type FilterGuard = FilterInput['guards'][number];
