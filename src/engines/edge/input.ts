import * as z from 'zod';
import { EdgeAccessLevel } from './sections/access-levels.ts';
import { EdgeBinding } from './sections/bindings.ts';
import { EdgeDeviceAuthority } from './sections/devices.ts';
import {
  EdgeClient,
  EdgeConsent,
  EdgeDirectory,
  EdgeProvider,
  EdgeServiceAccount,
  EdgeSignIn,
} from './sections/identity.ts';
import { EdgePortal } from './sections/portal.ts';
import { EdgeProject } from './sections/project.ts';
import { EdgeHost, EdgeService } from './sections/services.ts';
import { EdgeTunnel } from './sections/tunnel.ts';
import { EdgeVpnRight, EdgeVpnServer, EdgeVpnSet } from './sections/vpn.ts';

/** Sections to which many resources may add. */
const lists = {
  services: z.array(EdgeService).max(2000),
  hosts: z.array(EdgeHost).max(20_000).default([]),
  bindings: z.array(EdgeBinding).max(20_000),
  accessLevels: z.array(EdgeAccessLevel).max(2000),
  providers: z.array(EdgeProvider).max(100),
  directories: z.array(EdgeDirectory).max(100),
  clients: z.array(EdgeClient).max(2000),
  serviceAccounts: z.array(EdgeServiceAccount).max(10_000),
  portals: z.array(EdgePortal).max(200).default([]),
  deviceAuthorities: z.array(EdgeDeviceAuthority).max(2000).default([]),
  vpnServers: z.array(EdgeVpnServer).max(100).default([]),
  vpnRights: z.array(EdgeVpnRight).max(20_000).default([]),
  vpnSets: z.array(EdgeVpnSet).max(20_000).default([]),
} as const;

/** Sections that one resource describes. */
const singles = {
  consent: EdgeConsent.optional(),
  signIn: EdgeSignIn.optional(),
  tunnel: EdgeTunnel.optional(),
} as const;

/** Everything that the edge service of one project reads: who may reach what, and how people and programs sign in. */
export const EdgeInput = z.strictObject({ project: EdgeProject, ...lists, ...singles });

export type EdgeInput = z.infer<typeof EdgeInput>;

export const listSections = Object.keys(lists) as readonly (keyof typeof lists)[];
export const singleSections = Object.keys(singles) as readonly (keyof typeof singles)[];

/** Part of an edge: any sections of one project. Entries of list sections are joined; a single section has one giver. */
export type EdgeFragment = { readonly project: EdgeProject } & {
  readonly [S in Exclude<keyof EdgeInput, 'project'>]?: EdgeInput[S] | undefined;
};
