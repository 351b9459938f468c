import * as z from 'zod';
import { type Resource, ref, type Snapshot } from '#core/resource.ts';
import type { EdgeFragment } from '#engines/edge/input.ts';
import { defineKind, type Objection } from '../define.ts';
import { secret } from '../fields.ts';
import { chooseFront, type Front } from '../forwarding-rule/front.ts';
import { ForwardingRuleSpec } from '../forwarding-rule/spec.ts';
import { edgeProject } from '../instance/fabric.ts';
import { DisplayName } from '../user/spec.ts';
import { signInFeeds } from './front.ts';

const Claim = z.string().regex(/^[A-Za-z0-9_:./-]{1,200}$/, 'not the name of a claim such as email');

export const HostName = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/,
    'not a host name such as accounts.example.com',
  )
  .meta({ id: 'HostName', examples: ['accounts.example.com'] });

export const IdentityProviderSpec = z
  .strictObject({
    type: z
      .enum(['internal', 'oidc'])
      .default('internal')
      .describe(
        '`internal`: our own sign-in pages over the project’s directories. `oidc`: any OpenID provider with a discovery document.',
      ),
    label: DisplayName.optional().describe('What its button says when there are several. None: its name.'),
    allowedDomains: z
      .array(HostName)
      .max(100)
      .default([])
      .describe('Only people whose address ends with one of these get in. None: all whom the provider knows.'),
    directories: z
      .array(ref('directory'))
      .max(20)
      .default([])
      .describe('Internal only: directories whose people may sign in. None: all of the project.'),
    host: HostName.optional().describe(
      'Internal only: the host name of the sign-in pages, also the issuer. None: accounts.PROJECT.internet.',
    ),
    sslCertificate: z
      .string()
      .regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, 'not the name of a certificate')
      .optional()
      .describe(
        'Internal only: the sslCertificate of that host. None: one is issued by the deployment’s own authority.',
      ),
    address: ForwardingRuleSpec.shape.address.describe(
      'Internal only: name of a reserved external address for the sign-in pages, or an address. None: one is chosen and kept.',
    ),
    issuer: z
      .string()
      .max(500)
      .regex(
        /^https:\/\/[a-z0-9.-]+(:\d{1,5})?(\/[A-Za-z0-9._~/-]*)?$/,
        'not an issuer such as https://accounts.google.com',
      )
      .optional()
      .describe('OpenID only: the issuer; its discovery document is found below it.'),
    clientId: z.string().min(1).max(500).optional().describe('OpenID only: what we are registered as there.'),
    clientSecret: secret()
      .optional()
      .describe('OpenID only: our secret there. None: we are a public client, with PKCE alone.'),
    programmaticClients: z
      .array(z.string().min(1).max(500))
      .max(100)
      .default([])
      .describe(
        'OpenID only: ids of clients registered there, such as one for `vauban login`, whose ID tokens are accepted.',
      ),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, 'not a scope such as openid'))
      .max(30)
      .default(['openid', 'email', 'profile'])
      .describe('OpenID only: what we ask for.'),
    claims: z
      .strictObject({
        subject: Claim.default('sub').describe('What never changes.'),
        email: Claim.default('email').describe('Address of the person.'),
        displayName: Claim.default('name').describe('What the person is called.'),
        groups: Claim.optional().describe(
          'A list of addresses or names of groups. None: the provider tells no groups.',
        ),
      })
      .prefault({})
      .describe('OpenID only: which claims of its tokens say what.'),
    requireVerifiedEmail: z
      .boolean()
      .default(true)
      .describe('OpenID only: whether addresses count only when the provider says that it has verified them.'),
    trustedCertificates: z
      .string()
      .max(262_144)
      .regex(/-----BEGIN CERTIFICATE-----/, 'not a certificate in PEM')
      .optional()
      .describe('OpenID only: authorities, in PEM, that its certificate must come from. None: those of the machine.'),
    allowPrivateAddresses: z
      .boolean()
      .default(false)
      .describe(
        'OpenID only: whether the provider may stand on a private address. Else such an address is never asked.',
      ),
  })
  .meta({
    id: 'IdentityProvider',
    title: 'Identity provider',
    description: 'Who says who a person is: our own sign-in pages, or an OpenID provider. Several stand side by side.',
  });

export type IdentityProviderSpec = z.infer<typeof IdentityProviderSpec>;
type Provider = Resource<IdentityProviderSpec, IdentityProviderAssigned>;

/** Only our own pages stand anywhere. */
export type IdentityProviderAssigned = Partial<Front>;

export const identityProvider = defineKind<IdentityProviderSpec, IdentityProviderAssigned>({
  kind: 'identityProvider',
  title: 'Identity provider',
  spec: IdentityProviderSpec,
  assign: (resource, snapshot) => (resource.spec.type === 'internal' ? chooseFront(resource, [], snapshot) : {}),
  check: ({ project, name, spec }, snapshot) => [
    ...checkFields(spec),
    ...checkSingle({ project, name, spec }, snapshot),
  ],
  meaning: (before, after) => [
    ...(before === undefined && after !== undefined
      ? [`people may sign in by ${after.spec.issuer ?? 'our own pages'}`]
      : []),
    ...(before !== undefined && after === undefined
      ? [`nobody signs in by ${before.spec.issuer ?? 'our own pages'} any more`]
      : []),
  ],
  columns: [
    { title: 'TYPE', value: ({ spec }) => spec.type },
    { title: 'ISSUER', value: (it) => issuerOf(it) },
    { title: 'IP_ADDRESS', value: ({ assigned }) => assigned.address ?? '' },
    { title: 'DOMAINS', value: ({ spec }) => spec.allowedDomains.join(',') },
  ],
  feeds: { edge: (resource) => toEdge(resource), ...signInFeeds },
  example: {
    accounts: { label: 'Example account', directories: ['people'] },
    partner: {
      type: 'oidc',
      issuer: 'https://login.partner.example',
      clientId: 'vauban',
      allowedDomains: ['partner.example'],
    },
  },
});

export const signInHost = (it: { readonly project: string; readonly spec: IdentityProviderSpec }): string =>
  it.spec.host ?? `accounts.${it.project}.internet`;

export const issuerOf = (it: { readonly project: string; readonly spec: IdentityProviderSpec }): string =>
  it.spec.type === 'internal' ? `https://${signInHost(it)}` : (it.spec.issuer ?? '');

function checkSingle(it: Pick<Provider, 'project' | 'name' | 'spec'>, snapshot: Snapshot): Objection[] {
  if (it.spec.type !== 'internal') return [];
  const others = snapshot.all(identityProvider, it.project).filter((other) => other.spec.type === 'internal');
  if (!others.some(({ name }) => name < it.name)) return [];
  return [
    {
      path: ['type'],
      message: 'a project has one internal provider',
      fix: 'Let that one serve all directories, and take this one out.',
    },
  ];
}

function toEdge(resource: Provider): readonly EdgeFragment[] {
  const { project, name, spec } = resource;
  const common = {
    name,
    allowedDomains: spec.allowedDomains,
    ...(spec.label === undefined ? {} : { label: spec.label }),
  };
  const { issuer = '', clientId = '', clientSecret, programmaticClients, scopes, claims } = spec;
  const provider =
    spec.type === 'internal'
      ? { ...common, internal: { host: signInHost(resource), directories: spec.directories } }
      : {
          ...common,
          oidc: {
            issuer,
            clientId,
            programmaticClients,
            scopes,
            claims,
            requireVerifiedEmail: spec.requireVerifiedEmail,
            allowPrivateAddresses: spec.allowPrivateAddresses,
            ...(clientSecret === undefined ? {} : { clientSecret }),
            ...(spec.trustedCertificates === undefined ? {} : { trustedCertificates: spec.trustedCertificates }),
          },
        };
  return [{ project: edgeProject(project), providers: [provider] }];
}

const internalOnly = ['directories', 'host', 'sslCertificate', 'address'] as const;
const externalOnly = ['issuer', 'clientId', 'clientSecret', 'programmaticClients', 'trustedCertificates'] as const;

function checkFields(spec: IdentityProviderSpec): Objection[] {
  const given = (field: keyof IdentityProviderSpec): boolean => {
    const value = spec[field];
    return Array.isArray(value) ? value.length > 0 : value !== undefined;
  };
  const foreign = (spec.type === 'internal' ? externalOnly : internalOnly).filter(given).map((field) => ({
    path: [field],
    message: spec.type === 'internal' ? 'it is for providers elsewhere' : 'it is for our own pages',
    fix: `Take it out, or set \`type: ${spec.type === 'internal' ? 'oidc' : 'internal'}\`.`,
  }));
  const missing = (spec.type === 'oidc' ? (['issuer', 'clientId'] as const) : [])
    .filter((it) => !given(it))
    .map((field) => ({
      code: 'UNMET' as const,
      path: [field],
      message: 'an OpenID provider elsewhere needs it',
      fix: 'Add it, as the provider shows it.',
    }));
  const noOpenid = spec.type === 'oidc' && !spec.scopes.includes('openid');
  return [
    ...foreign,
    ...missing,
    ...(noOpenid
      ? [
          {
            code: 'UNMET' as const,
            path: ['scopes'],
            message: 'without the scope openid nobody says who the person is',
            fix: 'Add openid.',
          },
        ]
      : []),
  ];
}
