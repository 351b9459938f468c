import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Description } from '../fields.ts';
import { InstanceSpec } from '../instance/spec.ts';

const { machineType, image, tags, labels, metadata, startupScript, canIpForward, accessScopes } = InstanceSpec.shape;

/** As an instance's, without an address: that would be of one host only. */
export const TemplateInterface = z
  .strictObject({
    network: z.string().max(63).optional().describe('Network to attach to. With `subnet` it may be left out.'),
    subnet: ref('subnet')
      .optional()
      .describe('Subnet to take addresses from. None: the one of the network in the region.'),
    segment: ref('segment').optional().describe('Layer-2 segment to attach to, instead of a network and a subnet.'),
    addressing: z.enum(['static', 'dhcp']).optional().describe('On a segment: as of an instance. Default: `static`.'),
    externalAddress: z
      .enum(['none', 'ephemeral'])
      .default('none')
      .describe('Whether each host gets a public address of its own.'),
  })
  .meta({ id: 'TemplateInterface' });

export const InstanceTemplateSpec = z
  .strictObject({
    machineType,
    image,
    interfaces: z.array(TemplateInterface).min(1).max(8).describe('Network interfaces of each host, eth0 first.'),
    tags,
    firewall: z
      .array(z.enum(['http', 'https']))
      .max(2)
      .default([])
      .describe('Shorthand: adds the tags `http-server` and `https-server`. Rules for them are declared apart.'),
    labels,
    metadata,
    startupScript,
    canIpForward,
    accessScopes,
    description: Description,
  })
  .meta({
    id: 'InstanceTemplate',
    title: 'Instance template',
    description: 'What the hosts of an instance group are made from. A changed template is a new version.',
  });

export type InstanceTemplateSpec = z.infer<typeof InstanceTemplateSpec>;

export interface InstanceTemplateAssigned {
  readonly id: string;
  /** Names what hosts made from it are; the same for the same content. */
  readonly version: string;
}
