import { accessLevel } from './access-level/kind.ts';
import { address } from './address/kind.ts';
import { backendService } from './backend-service/kind.ts';
import { consentScreen } from './consent-screen/kind.ts';
import type { Kind } from './define.ts';
import { directory } from './directory/kind.ts';
import { firewallRule } from './firewall-rule/kind.ts';
import { forwardingRule } from './forwarding-rule/kind.ts';
import { group } from './group/kind.ts';
import { healthCheck } from './health-check/kind.ts';
import { identityProvider } from './identity-provider/kind.ts';
import { idsEndpoint } from './ids-endpoint/kind.ts';
import { image } from './image/kind.ts';
import { instance } from './instance/kind.ts';
import { instanceGroup } from './instance-group/kind.ts';
import { instanceTemplate } from './instance-template/kind.ts';
import { internet } from './internet/kind.ts';
import { machineType } from './machine-type/kind.ts';
import { nat } from './nat/kind.ts';
import { network } from './network/kind.ts';
import { networkEndpointGroup } from './network-endpoint-group/kind.ts';
import { oauthClient } from './oauth-client/kind.ts';
import { packetMirroring } from './packet-mirroring/kind.ts';
import { privateConnection } from './private-connection/kind.ts';
import { projectMetadata } from './project-metadata/kind.ts';
import { roleBinding } from './role-binding/kind.ts';
import { route } from './route/kind.ts';
import { router } from './router/kind.ts';
import { ruleSet } from './rule-set/kind.ts';
import { service } from './service/kind.ts';
import { serviceAccount } from './service-account/kind.ts';
import { sslCertificate } from './ssl-certificate/kind.ts';
import { subnet } from './subnet/kind.ts';
import { targetHttpProxy } from './target-http-proxy/kind.ts';
import { targetHttpsProxy } from './target-https-proxy/kind.ts';
import { urlMap } from './url-map/kind.ts';
import { user } from './user/kind.ts';

/** A kind whose spec is not known at compile time: what generic code sees. */
// biome-ignore lint/suspicious/noExplicitAny: a registry holds kinds of every spec; each parsed its own on the way in
export type AnyKind = Kind<any, any>;

/**
 * Every kind, in the order in which admission assigns and a person reads: what others stand on comes first.
 * Adding a kind is a folder and a line here.
 */
export const kinds: readonly AnyKind[] = [
  service,
  projectMetadata,
  internet,
  network,
  subnet,
  address,
  privateConnection,
  router,
  nat,
  image,
  machineType,
  instanceTemplate,
  instanceGroup,
  instance,
  route,
  firewallRule,
  ruleSet,
  idsEndpoint,
  packetMirroring,
  accessLevel,
  roleBinding,
  directory,
  user,
  group,
  serviceAccount,
  identityProvider,
  consentScreen,
  oauthClient,
  sslCertificate,
  healthCheck,
  networkEndpointGroup,
  backendService,
  urlMap,
  targetHttpsProxy,
  targetHttpProxy,
  forwardingRule,
];

const byName = new Map(kinds.flatMap((it) => [[it.kind, it] as const, [it.plural, it] as const]));

/** By singular or plural name. */
export const kindNamed = (name: string): AnyKind | undefined => byName.get(name);
