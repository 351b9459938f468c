import { accessLevel } from './access-level/kind.ts';
import { address } from './address/kind.ts';
import { backendService } from './backend-service/kind.ts';
import { certificate } from './certificate/kind.ts';
import { certificateAuthority } from './certificate-authority/kind.ts';
import { consentScreen } from './consent-screen/kind.ts';
import type { Kind } from './define.ts';
import { directory } from './directory/kind.ts';
import { filterPolicy } from './filter-policy/kind.ts';
import { firewallRule } from './firewall-rule/kind.ts';
import { forwardingRule } from './forwarding-rule/kind.ts';
import { gateway } from './gateway/kind.ts';
import { gatewayCluster } from './gateway-cluster/kind.ts';
import { group } from './group/kind.ts';
import { healthCheck } from './health-check/kind.ts';
import { identityProvider } from './identity-provider/kind.ts';
import { idsEndpoint } from './ids-endpoint/kind.ts';
import { image } from './image/kind.ts';
import { instance } from './instance/kind.ts';
import { instanceGroup } from './instance-group/kind.ts';
import { instanceTemplate } from './instance-template/kind.ts';
import { internet } from './internet/kind.ts';
import { ipsecPeer } from './ipsec-peer/kind.ts';
import { ipsecProfile } from './ipsec-profile/kind.ts';
import { ipsecTunnel } from './ipsec-tunnel/kind.ts';
import { machine } from './machine/kind.ts';
import { machineType } from './machine-type/kind.ts';
import type { KindName } from './names.ts';
import { nat } from './nat/kind.ts';
import { natPolicy } from './nat-policy/kind.ts';
import { network } from './network/kind.ts';
import { networkEndpointGroup } from './network-endpoint-group/kind.ts';
import { networkObject } from './network-object/kind.ts';
import { oauthClient } from './oauth-client/kind.ts';
import { packetMirroring } from './packet-mirroring/kind.ts';
import { privateConnection } from './private-connection/kind.ts';
import { projectMetadata } from './project-metadata/kind.ts';
import { roleBinding } from './role-binding/kind.ts';
import { route } from './route/kind.ts';
import { router } from './router/kind.ts';
import { routerObject } from './router-object/kind.ts';
import { ruleSet } from './rule-set/kind.ts';
import { schedule } from './schedule/kind.ts';
import { segment } from './segment/kind.ts';
import { service } from './service/kind.ts';
import { serviceAccount } from './service-account/kind.ts';
import { serviceObject } from './service-object/kind.ts';
import { sslCertificate } from './ssl-certificate/kind.ts';
import { sslVpnServer } from './ssl-vpn-server/kind.ts';
import { subnet } from './subnet/kind.ts';
import { targetHttpProxy } from './target-http-proxy/kind.ts';
import { targetHttpsProxy } from './target-https-proxy/kind.ts';
import { urlMap } from './url-map/kind.ts';
import { urlProfile } from './url-profile/kind.ts';
import { user } from './user/kind.ts';
import { webCategory } from './web-category/kind.ts';

/** A kind whose spec is not known at compile time: what generic code sees. */
// biome-ignore lint/suspicious/noExplicitAny: a registry holds kinds of every spec; each parsed its own on the way in
export type AnyKind = Kind<any, any>;

/**
 * Every kind, in the order in which admission assigns and a person reads: what others stand on comes first.
 * Adding a kind is a folder, its names in `names.ts` and a line here.
 */
export const kinds: readonly AnyKind[] = [
  service,
  projectMetadata,
  internet,
  machine,
  network,
  subnet,
  address,
  privateConnection,
  segment,
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
  certificateAuthority,
  certificate,
  healthCheck,
  networkEndpointGroup,
  backendService,
  urlMap,
  urlProfile,
  webCategory,
  targetHttpsProxy,
  targetHttpProxy,
  forwardingRule,
  networkObject,
  serviceObject,
  routerObject,
  schedule,
  filterPolicy,
  natPolicy,
  ipsecProfile,
  ipsecPeer,
  ipsecTunnel,
  gateway,
  gatewayCluster,
  sslVpnServer,
];

const byName = new Map(kinds.flatMap((it) => [[it.kind, it] as const, [it.plural, it] as const]));

export const kindOf = (name: KindName): AnyKind => byName.get(name) as AnyKind;

/** By singular or plural name. */
export const kindNamed = (name: string): AnyKind | undefined => byName.get(name);
