/**
 * What kinds are called, in the order of a site. It stands apart from what they are, which takes a while to load: who only passes
 * a name on, such as the command line, needs no more.
 */
export const plurals = {
  service: 'services',
  projectMetadata: 'projectMetadata',
  internet: 'internet',
  machine: 'machines',
  network: 'networks',
  subnet: 'subnets',
  address: 'addresses',
  privateConnection: 'privateConnections',
  segment: 'segments',
  router: 'routers',
  nat: 'nats',
  image: 'images',
  machineType: 'machineTypes',
  instanceTemplate: 'instanceTemplates',
  instanceGroup: 'instanceGroups',
  instance: 'instances',
  route: 'routes',
  firewallRule: 'firewallRules',
  ruleSet: 'ruleSets',
  idsEndpoint: 'idsEndpoints',
  packetMirroring: 'packetMirrorings',
  accessLevel: 'accessLevels',
  roleBinding: 'roleBindings',
  directory: 'directories',
  user: 'users',
  group: 'groups',
  serviceAccount: 'serviceAccounts',
  identityProvider: 'identityProviders',
  consentScreen: 'consentScreen',
  oauthClient: 'oauthClients',
  sslCertificate: 'sslCertificates',
  certificateAuthority: 'certificateAuthorities',
  certificate: 'certificates',
  healthCheck: 'healthChecks',
  networkEndpointGroup: 'networkEndpointGroups',
  backendService: 'backendServices',
  urlMap: 'urlMaps',
  urlProfile: 'urlProfiles',
  webCategory: 'webCategories',
  targetHttpsProxy: 'targetHttpsProxies',
  targetHttpProxy: 'targetHttpProxies',
  forwardingRule: 'forwardingRules',
  networkObject: 'networkObjects',
  serviceObject: 'serviceObjects',
  routerObject: 'routerObjects',
  schedule: 'schedules',
  filterPolicy: 'filterPolicies',
  natPolicy: 'natPolicies',
  ipsecProfile: 'ipsecProfiles',
  ipsecPeer: 'ipsecPeers',
  ipsecTunnel: 'ipsecTunnels',
  gateway: 'gateways',
  gatewayCluster: 'gatewayClusters',
  sslVpnServer: 'sslVpnServers',
} as const;

export type KindName = keyof typeof plurals;

const all = Object.entries(plurals) as readonly [KindName, string][];

/** The kind that a text names: `firewallRule`, `firewallRules`, `firewall-rules`. */
export function kindNameIn(text: string): KindName | undefined {
  const wanted = text.replaceAll('-', '').toLowerCase();
  return all.find(([kind, plural]) => kind.toLowerCase() === wanted || plural.toLowerCase() === wanted)?.[0];
}
