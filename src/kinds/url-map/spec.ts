import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Description, Host, UrlPath } from '../fields.ts';

export const redirectCodes = {
  MOVED_PERMANENTLY_DEFAULT: '301',
  FOUND: '302',
  SEE_OTHER: '303',
  TEMPORARY_REDIRECT: '307',
  PERMANENT_REDIRECT: '308',
} as const;

export const UrlRedirect = z
  .strictObject({
    httpsRedirect: z.boolean().default(false).describe('Whether the new address is an https one.'),
    hostRedirect: Host.optional().describe('Host of the new address; none: the same.'),
    pathRedirect: UrlPath.optional().describe('Path of the new address; none: the same.'),
    prefixRedirect: UrlPath.optional().describe('Stands in the place of the part of the path that a rule matched.'),
    redirectResponseCode: z
      .enum(Object.keys(redirectCodes) as [keyof typeof redirectCodes])
      .default('MOVED_PERMANENTLY_DEFAULT')
      .describe('Status of the answer: 301, 302, 303, 307 or 308.'),
    stripQuery: z.boolean().default(false).describe('Whether the query is left out of the new address.'),
  })
  .meta({ id: 'UrlRedirect' });
export type UrlRedirect = z.infer<typeof UrlRedirect>;

const HostPattern = z
  .string()
  .max(253)
  .regex(/^(\*|(\*[-.])?[a-z0-9]([a-z0-9.-]*[a-z0-9])?)$/, 'not a host such as www.example.com, *.example.com or *')
  .meta({ id: 'HostPattern', examples: ['*.example.com'] });

const PathPattern = z
  .string()
  .max(1024)
  .regex(/^\/[!$-)+-[\]-~]*(\*)?$/, 'not a path such as /video or /video/*')
  .refine((text) => !/[?#"]/.test(text), 'a path has no query, fragment or quote')
  .refine((text) => !text.includes('*') || text.endsWith('/*'), '`*` stands at the end only, behind a slash')
  .meta({ id: 'PathPattern', examples: ['/video/*'] });

const Name = z.string().regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, 'not a name such as paths');

const PathRule = z
  .strictObject({
    paths: z.array(PathPattern).min(1).max(1000).describe('Paths; with `/*` at the end, all below.'),
    service: ref('backendService').optional().describe('Backend service that answers.'),
    urlRedirect: UrlRedirect.optional().describe('Where clients are sent instead.'),
  })
  .meta({ id: 'PathRule' });

const PathMatcher = z
  .strictObject({
    name: Name.describe('Name that host rules refer to.'),
    defaultService: ref('backendService').optional().describe('Backend service for paths that no rule names.'),
    defaultUrlRedirect: UrlRedirect.optional().describe('Where clients are sent instead.'),
    pathRules: z.array(PathRule).max(1000).default([]).describe('Of all that match, the longest path decides.'),
  })
  .meta({ id: 'PathMatcher' });

export const UrlMapSpec = z
  .strictObject({
    defaultService: ref('backendService').optional().describe('Backend service for hosts that no rule names.'),
    defaultUrlRedirect: UrlRedirect.optional().describe('Where clients are sent instead.'),
    hostRules: z
      .array(
        z.strictObject({
          hosts: z.array(HostPattern).min(1).max(1000).describe('Host names, `*.` names or `*`.'),
          pathMatcher: Name.describe('The path matcher that decides for them.'),
        }),
      )
      .max(1000)
      .default([])
      .describe('Which path matcher decides for which hosts; of all that match, the longest name.'),
    pathMatchers: z.array(PathMatcher).max(1000).default([]).describe('What decides by path.'),
    description: Description,
  })
  .meta({ id: 'UrlMap', title: 'URL map', description: 'Which backend service answers for which host and path.' });

export type UrlMapSpec = z.infer<typeof UrlMapSpec>;
