/** The roles that the edge decides by, under the cloud's names. */
export const edgeRoles = ['roles/iap.httpsResourceAccessor', 'roles/iap.tunnelResourceAccessor'] as const;
export type EdgeRole = (typeof edgeRoles)[number];

export const roleTitles: Readonly<Record<EdgeRole, string>> = {
  'roles/iap.httpsResourceAccessor': 'IAP-secured Web App User',
  'roles/iap.tunnelResourceAccessor': 'IAP-secured Tunnel User',
};
