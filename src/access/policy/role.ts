/** The roles that the edge decides by, under the cloud's names. */
export const edgeRoles = [
  'roles/iap.httpsResourceAccessor',
  'roles/iap.tunnelResourceAccessor',
  'roles/compute.osAdminLogin',
  'roles/vpn.user',
  'roles/gateway.user',
] as const;
export type EdgeRole = (typeof edgeRoles)[number];

export const roleTitles: Readonly<Record<EdgeRole, string>> = {
  'roles/iap.httpsResourceAccessor': 'IAP-secured Web App User',
  'roles/iap.tunnelResourceAccessor': 'IAP-secured Tunnel User',
  'roles/compute.osAdminLogin': 'Compute OS Admin Login',
  'roles/vpn.user': 'SSL VPN User',
  'roles/gateway.user': 'Gateway User',
};
