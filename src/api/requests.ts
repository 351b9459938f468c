import * as z from 'zod';
import { roles } from '#access/roles.ts';
import { severities } from '#control/threats/threat.ts';
import { Name } from '#core/resource.ts';
import { rollActions } from '#kinds/instance-group/spec.ts';

/** What comes with requests: bodies and queries. The OpenAPI document is made from them. */

export const SiteRequest = z.strictObject({
  files: z
    .array(
      z.strictObject({
        path: z.string().max(1000).describe('Name for messages.'),
        text: z.string().describe('YAML.'),
        attachments: z
          .record(z.string().max(1000), z.string().max(1_048_576))
          .optional()
          .describe('Contents of the files that it names with `!file PATH`, by that path.'),
      }),
    )
    .min(1)
    .max(1000)
    .describe('The site: the projects that it names become exactly what it says.'),
  message: z.string().max(1000).optional().describe('Why, for the history.'),
  confirmSeconds: z.int().min(1).max(86_400).optional().describe('Taken back after so many seconds unless confirmed.'),
});

export const RollbackRequest = z.strictObject({
  message: z.string().max(1000).optional().describe('Why, for the history.'),
  confirmSeconds: z.int().min(1).max(86_400).optional().describe('Taken back after so many seconds unless confirmed.'),
});

export const TokenRequest = z.strictObject({
  name: Name.describe('Name of the token, for the audit log.'),
  role: z.enum(roles).describe('What it may do.'),
  expireTime: z.iso.datetime({ offset: true }).optional().describe('When it ends (RFC 3339); none: never.'),
});

export const SshKeyRequest = z.strictObject({
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'not the name of an account')
    .refine((name) => name !== 'root', 'root gets no key; `sudo` is there for every account with one')
    .describe('The account; it is made with sudo when it is not there.'),
  key: z.string().min(20).max(8000).describe('The public key: the line of the `.pub` file.'),
  expireSeconds: z.int().min(60).max(2_592_000).default(3600).describe('How long it is accepted, in seconds.'),
});
export type SshKeyRequest = z.infer<typeof SshKeyRequest>;

const Time = z.iso.datetime({ offset: true });
const Flag = z.enum(['true', 'false']);

export const ThreatQuery = z.strictObject({
  endpoint: z.string().optional().describe('Only of this endpoint.'),
  network: z.string().optional().describe('Only of this network.'),
  minimumSeverity: z.enum(severities).optional().describe('This severity and graver ones.'),
  threatId: z.string().optional().describe('Only this threat.'),
  name: z.string().optional().describe('Part of the name, in any case.'),
  source: z.string().optional().describe('Address of the side that opened the session.'),
  destination: z.string().optional().describe('Address of the other side.'),
  instance: z.string().optional().describe('Instance at either end.'),
  from: Time.optional().describe('Seen at this time or later (RFC 3339).'),
  to: Time.optional().describe('Seen before this time.'),
  fold: Flag.optional().describe('Both mirrored copies of a session as one; default true.'),
  order: z.enum(['newest', 'oldest']).optional().describe('By time; default newest first.'),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, 'not a number from 1 to 9999')
    .optional()
    .describe('At most so many; default 50, at most 1000.'),
  pageToken: z.string().optional().describe('From the answer before.'),
});

export const StreamQuery = z.strictObject({
  minimumSeverity: z.enum(severities).optional().describe('This severity and graver ones.'),
  fold: Flag.optional().describe('Both mirrored copies of a session as one; default false.'),
});

export const ReadRequest = z.strictObject({
  filter: z.string().max(20_000).default('').describe('Cloud Logging query; empty: everything.'),
  order: z.enum(['newest', 'oldest']).default('newest').describe('By time.'),
  pageSize: z.int().min(1).max(1000).default(50).describe('Entries in the answer.'),
  pageToken: z.string().max(1000).optional().describe('From the answer before.'),
});

export const SerialQuery = z.strictObject({
  lines: z
    .string()
    .regex(/^[1-9]\d{0,5}$/, 'not a number from 1 to 999999')
    .default('1000')
    .describe('The last lines, at most so many and at most 1 MiB; default 1000.'),
});

const count = (least: number, most: number) =>
  z.string().refine((text) => {
    return /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most;
  }, `not a number from ${least} to ${most}`);

export const TailQuery = z.strictObject({
  filter: z.string().max(20_000).default('').describe('Cloud Logging query; empty: everything.'),
});

export const HistoryQuery = z.strictObject({
  limit: count(1, 500).default('50').describe('At most so many.'),
  before: count(1, 999_999_999).optional().describe('Only revisions before this one.'),
});

export const ResourcesQuery = z.strictObject({
  limit: count(1, 5000).default('1000').describe('At most so many.'),
  pageToken: z.string().max(200).optional().describe('From the answer before.'),
});

export const ResizeRequest = z.strictObject({
  size: z.int().min(0).max(1000).describe('How many hosts the group has from now on.'),
});

export const RollRequest = z.strictObject({
  action: z.enum(rollActions).describe('What is done to every host, one after the other.'),
  maxUnavailable: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('Hosts that may be out of service at a time; none: what the update policy says.'),
  minReadySec: z
    .int()
    .min(0)
    .max(3600)
    .optional()
    .describe('Seconds that a host must be in service before the next one follows; none: what the update policy says.'),
});

export const DryRunQuery = z.strictObject({
  dryRun: Flag.optional().describe('Only say what would change.'),
});

export const ChangeQuery = z.strictObject({
  dryRun: Flag.optional().describe('Only say what would change.'),
  confirmSeconds: count(1, 86_400).optional().describe('Taken back after so many seconds unless confirmed.'),
});
