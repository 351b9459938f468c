import * as z from 'zod';
import { roles } from '#access/roles.ts';
import { severities } from '#control/threats/threat.ts';
import { Name } from '#core/resource.ts';
import { exportFormats } from '#kinds/gateway/ipsec-export-formats.ts';
import { rollActions } from '#kinds/instance-group/spec.ts';
import { parseAddress } from '#lib/ip.ts';

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

export const RenameRequest = z.strictObject({ to: Name.describe('The new name.') });

/** Kinds that policies are made of, and that are taken over from elsewhere by the thousand. */
export const objectKinds = ['networkObject', 'serviceObject', 'routerObject', 'schedule'] as const;

export const ImportRequest = z.strictObject({
  resources: z
    .array(
      z.strictObject({
        kind: z.enum(objectKinds).describe('What it is.'),
        name: z.string().max(200).describe('Its name.'),
        spec: z.unknown().describe('As the kind asks for it.'),
        place: z.string().max(1000).optional().describe('Where it came from, for messages: `objects.csv:12`.'),
      }),
    )
    .min(1)
    .max(50_000)
    .describe('Objects of the project that are made or replaced, all of them or none.'),
  message: z.string().max(1000).optional().describe('Why, for the history.'),
});

export const GatewaysQuery = z.strictObject({
  name: z.string().max(63).optional().describe('One gateway, or the members of a cluster.'),
});

export const InterfacesQuery = z.strictObject({
  seconds: z
    .string()
    .regex(/^([1-9]|[12]\d|30)$/, 'not a whole number from 1 to 30')
    .default('1')
    .describe('How long to look: throughput is the mean over that time.'),
});

const Email = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9._+-]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, 'not an email address of at most 64 characters');
export const IpsecQuery = z.strictObject({
  name: z.string().max(63).optional().describe('One tunnel.'),
});

export const ExportQuery = z.strictObject({
  for: z.enum(exportFormats).describe('Whose settings to write.'),
});

export const TunnelRequest = z.strictObject({
  state: z.enum(['up', 'down']).describe('`down`: until `up`, whatever the site says.'),
});

const AddressText = z
  .string()
  .refine((text) => parseAddress(text) !== undefined, 'not an IPv4 address such as 10.0.0.1');
const RuleKey = z.string().max(200).describe('Key of a rule, such as lab/filterPolicy/office/web.');

export const ConnectionsQuery = z.strictObject({
  user: Email.optional().describe(
    'Who began it or is reached by it: somebody who has signed in, to the SSL VPN or at the captive portal.',
  ),
  source: AddressText.optional().describe('Who began it.'),
  destination: AddressText.optional().describe('Where to, as the sender wrote it.'),
  protocol: z
    .string()
    .regex(/^\d{1,3}$/, 'not a protocol number')
    .optional()
    .describe('Number of the IP protocol.'),
  port: z
    .string()
    .regex(/^\d{1,5}$/, 'not a port')
    .optional()
    .describe('Destination port.'),
  rule: RuleKey.optional(),
  limit: z
    .string()
    .regex(/^\d{1,5}$/, 'not a number')
    .default('1000')
    .describe('How many at most; those with most bytes.'),
});

export const CutRequest = z
  .strictObject({
    user: Email.optional().describe(
      'Somebody who has signed in, to the SSL VPN or at the captive portal: everything from and to them.',
    ),
    source: AddressText.optional().describe('Who began it.'),
    destination: AddressText.optional().describe('Where to.'),
    protocol: z.int().min(0).max(255).optional().describe('Number of the IP protocol.'),
    port: z.int().min(0).max(65_535).optional().describe('Destination port.'),
    rule: RuleKey.optional(),
  })
  .refine((it) => Object.keys(it).length > 0, {
    message: 'it does not say which connections',
    params: { fix: 'Name at least one of user, source, destination, protocol, port and rule.' },
  })
  .refine((it) => it.rule === undefined || Object.keys(it).length === 1, {
    message: 'a rule is cut as a whole: it cannot be narrowed',
    params: { fix: 'Name either the rule, or parts of the connections.' },
  })
  .refine((it) => it.user === undefined || (it.source === undefined && it.destination === undefined), {
    message: 'the addresses of a person are known',
    params: { fix: 'Name either the person, or addresses.' },
  });

export const RoleRequest = z.strictObject({
  role: z
    .enum(['switch', 'active', 'standby', 'automatic'])
    .describe('`switch`: the other member takes over. `active`, `standby`: it is to be that until `automatic`.'),
});

export const MaintenanceRequest = z.strictObject({
  on: z.boolean().describe('Whether the member is kept from being active.'),
});

/** What one person may. */
export const RightsQuery = z.strictObject({
  email: Email.optional().describe('Only what this person may.'),
});

export const SessionsQuery = z.strictObject({
  server: z.string().max(63).optional().describe('Only those of this SSL VPN server.'),
});

export const SignOutRequest = z.strictObject({ email: Email.describe('Who is signed out.') });

export const DisconnectRequest = z.strictObject({ email: Email.describe('Whose sessions end.') });

export const ProfileRequest = z.strictObject({
  email: Email.optional().describe('Whose it is. None: nobody’s, for servers that ask for no certificate of people.'),
  code: z
    .boolean()
    .optional()
    .describe('Whether the client asks for a code of an authenticator app. None: when the server demands one.'),
});

export const TokenRequest = z.strictObject({
  name: Name.describe('Name of the token, for the audit log.'),
  role: z.enum(roles).describe('What it may do.'),
  expireTime: z.iso.datetime({ offset: true }).optional().describe('When it ends (RFC 3339); none: never.'),
});

export const InviteRequest = z.strictObject({
  machine: Name.describe('Name of the machine, as sites call it.'),
  address: z.ipv4().describe('Address of this machine at which the other one reaches it.'),
  port: z.int().min(1024).max(65_535).default(8444).describe('TCP port there; not of the API.'),
  proof: z
    .string()
    .regex(/^[\w-]{43}$/)
    .describe('Derived from the token by HKDF: shows who has it, and says nothing about it.'),
  box: z
    .string()
    .regex(/^[\w-]{1,2000}$/)
    .describe('The key for sealed secrets, which only the token opens.'),
});

export const ForceQuery = z.strictObject({
  force: z.enum(['true', 'false']).optional().describe('Also when something of a site stands there.'),
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

export const ViewQuery = z.strictObject({
  view: z.enum(['table']).optional().describe('Adds `cells`, what a table shows of each resource.'),
});

export const ResourcesQuery = z.strictObject({
  limit: count(1, 5000).default('1000').describe('At most so many.'),
  pageToken: z.string().max(200).optional().describe('From the answer before.'),
  ...ViewQuery.shape,
});

export const ResizeRequest = z.strictObject({
  size: z.int().min(0).max(1000).describe('How many hosts the group has from now on.'),
});

export const RollRequest = z.strictObject({
  action: z.enum(rollActions).describe('What is done to every host, one after the other.'),
  maxUnavailable: z
    .int()
    .min(0)
    .max(1000)
    .optional()
    .describe('Hosts that may be out of service at a time; none: what the update policy says.'),
  maxSurge: z
    .int()
    .min(0)
    .max(1000)
    .optional()
    .describe('Extra hosts that may be made first when hosts are replaced; none: what the update policy says.'),
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
