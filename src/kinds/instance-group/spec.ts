import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Description, Region, Zone } from '../fields.ts';
import type { TemplateVersion } from '../instance-template/version.ts';

/** What is done to a host at least so that it takes up a change. */
export const rollActions = ['RESTART', 'REPLACE'] as const;
export type RollAction = (typeof rollActions)[number];

export const UpdatePolicy = z
  .strictObject({
    type: z
      .enum(['PROACTIVE', 'OPPORTUNISTIC'])
      .default('PROACTIVE')
      .describe('PROACTIVE: a changed template is rolled out by itself. OPPORTUNISTIC: only new hosts have it.'),
    minimalAction: z
      .enum(rollActions)
      .default('REPLACE')
      .describe('What is done to each host at least; a change that a restart cannot bring about replaces it anyway.'),
    maxUnavailable: z.int().min(0).max(1000).default(1).describe('Hosts that may be out of service at a time.'),
    maxSurge: z
      .int()
      .min(0)
      .max(1000)
      .default(0)
      .describe('Extra hosts that may be made first: each serves before the one that it replaces leaves.'),
    minReadySec: z
      .int()
      .min(0)
      .max(3600)
      .default(0)
      .describe('Seconds that a host must be in service before the next one follows.'),
  })
  .meta({ id: 'UpdatePolicy' });

export const AutoHealingPolicy = z
  .strictObject({
    healthCheck: ref('healthCheck').describe('How its hosts are asked whether they are well.'),
    initialDelaySec: z
      .int()
      .min(0)
      .max(3600)
      .default(300)
      .describe('Seconds that a host may take until it answers its health check; after that it is recreated.'),
  })
  .meta({
    id: 'AutoHealingPolicy',
    description: 'Hosts that do not answer are recreated, one at a time. The check comes from 130.211.0.0/22.',
  });

export const InstanceGroupSpec = z
  .strictObject({
    template: ref('instanceTemplate').describe('What its hosts are made from.'),
    region: Region.optional().describe('Regional: its hosts are spread over zones of this region.'),
    zone: Zone.optional().describe('Zonal: all of its hosts stand here.'),
    distributionPolicy: z
      .strictObject({
        zones: z.array(Zone).min(1).max(26).describe('Zones of the region that hosts are spread over evenly.'),
      })
      .optional()
      .describe('Only for regional groups. None: three zones of the region.'),
    targetSize: z.int().min(0).max(1000).describe('How many hosts it has.'),
    baseInstanceName: z
      .string()
      .regex(/^[a-z]([-a-z0-9]{0,56}[a-z0-9])?$/, 'not a name of at most 58 lower-case letters, digits and dashes')
      .optional()
      .describe('What the names of its hosts begin with. None: the name of the group.'),
    namedPorts: z
      .array(
        z.strictObject({
          name: z
            .string()
            .regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, 'not the name of a port such as http')
            .describe('What backend services call it.'),
          port: z.int().min(1).max(65_535).describe('TCP port.'),
        }),
      )
      .max(100)
      .default([])
      .describe('Ports by name, for backend services.'),
    autoHealingPolicy: AutoHealingPolicy.optional().describe('None: hosts that run are left alone.'),
    updatePolicy: UpdatePolicy.prefault({}).describe('How its hosts take up a changed template.'),
    description: Description,
  })
  .meta({
    id: 'InstanceGroup',
    title: 'Instance group',
    description: 'Equal hosts that are kept at a number, spread over zones, and updated one after the other.',
  });

export type InstanceGroupSpec = z.infer<typeof InstanceGroupSpec>;

/** One host of a group. */
export interface Member {
  readonly name: string;
  readonly zone: string;
  /** Id of the template version that it has. */
  readonly version: string;
  /** Counts the hosts that the group has ever had. */
  readonly serial: number;
  /** Name of the roll that it has been through; none: it was made before the first. */
  readonly roll?: string;
  /** True: it has its version, and must still boot to be what that says. */
  readonly restarting?: true;
  /** True: it is taken out of service and then deleted. */
  readonly leaving?: true;
  /** The host that was made in its place: once that one is available, it leaves. Until then it serves. */
  readonly successor?: string;
}

/** A restart or replacement of all hosts that somebody asked for. */
export interface Roll {
  readonly name: string;
  readonly action: RollAction;
  /** Instead of the update policy's. */
  readonly maxUnavailable?: number;
  readonly maxSurge?: number;
  readonly minReadySec?: number;
}

export interface InstanceGroupAssigned {
  readonly id: string;
  /** Hosts made so far. */
  readonly serial: number;
  /** Id of the version that new hosts get. */
  readonly version: string;
  /** Every version that a host has or new ones get, by id. */
  readonly versions: Readonly<Record<string, TemplateVersion>>;
  /** Sorted by name. */
  readonly members: readonly Member[];
  /** The last one that was asked for. */
  readonly roll?: Roll;
}
