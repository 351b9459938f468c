import { keyOf } from '#core/resource.ts';
import { numericId } from '../allocation.ts';
import { defineKind } from '../define.ts';
import { type InstanceTemplateAssigned, InstanceTemplateSpec } from './spec.ts';
import { versionId, versionOf } from './version.ts';

export const instanceTemplate = defineKind<InstanceTemplateSpec, InstanceTemplateAssigned>({
  kind: 'instanceTemplate',
  title: 'Instance template',
  spec: InstanceTemplateSpec,
  assign: (resource) => ({
    id: resource.assigned?.id ?? numericId(keyOf(resource)),
    version: versionId(versionOf(resource.name, resource.spec)),
  }),
  columns: [
    { title: 'MACHINE_TYPE', value: ({ spec }) => spec.machineType },
    { title: 'IMAGE', value: ({ spec }) => spec.image },
    { title: 'VERSION', value: ({ assigned }) => assigned.version },
  ],
  feeds: {},
  example: {
    'web-host': {
      machineType: 'e2-micro',
      image: 'debian-12',
      interfaces: [{ subnet: 'cloud-ids-useast1' }],
      firewall: ['http'],
      accessScopes: ['compute-ro'],
      startupScript: '#!/bin/sh\napt-get install -y nginx\n',
    },
  },
});
