import * as z from 'zod';
import { keyOf, type Resource } from '#core/resource.ts';
import type { Check } from '#engines/haproxy/input.ts';
import { defineKind } from '../define.ts';
import { Description, Host, UrlPath } from '../fields.ts';

const types = ['http', 'https', 'http2', 'tcp', 'ssl', 'grpc'] as const;

export const HealthCheckSpec = z
  .strictObject({
    type: z.enum(types).default('http').describe('How a server is asked whether it is well.'),
    port: z.int().min(1).max(65535).optional().describe('Port that is asked; none: the one that serves.'),
    requestPath: UrlPath.default('/').describe('Path that is asked for; the answer must be 200.'),
    host: Host.optional().describe('Host that is asked for.'),
    response: z
      .string()
      .max(1024)
      .regex(/^[\u0020-\u007e]*$/, 'not plain ASCII on one line')
      .default('')
      .describe('Text that the answer must contain.'),
    grpcServiceName: z
      .string()
      .regex(/^[\w.]{0,125}$/, 'not a gRPC service such as shop.Cart')
      .default('')
      .describe('Service that a gRPC server is asked about; empty: the server as a whole.'),
    checkIntervalSec: z.int().min(1).max(300).default(5).describe('Seconds from one question to the next.'),
    timeoutSec: z.int().min(1).max(300).default(5).describe('Seconds that an answer may take.'),
    healthyThreshold: z.int().min(1).max(10).default(2).describe('Good answers in a row until a server gets requests.'),
    unhealthyThreshold: z.int().min(1).max(10).default(2).describe('Bad answers in a row until it gets none.'),
    description: Description,
  })
  .meta({
    id: 'HealthCheck',
    title: 'Health check',
    description:
      'How the load balancer finds out which servers are well. It asks from 130.211.0.0/22 and 35.191.0.0/16, which a firewall rule must let in.',
  });

export type HealthCheckSpec = z.infer<typeof HealthCheckSpec>;

export const healthCheck = defineKind<HealthCheckSpec>({
  kind: 'healthCheck',
  title: 'Health check',
  spec: HealthCheckSpec,
  check: ({ spec }) =>
    spec.timeoutSec > spec.checkIntervalSec
      ? [
          {
            path: ['timeoutSec'],
            message: `a question would still be open when the next is due after ${spec.checkIntervalSec} s`,
            fix: 'Make `timeoutSec` at most `checkIntervalSec`.',
          },
        ]
      : [],
  columns: [
    { title: 'PROTOCOL', value: ({ spec }) => spec.type.toUpperCase() },
    { title: 'PORT', value: ({ spec }) => String(spec.port ?? '') },
    { title: 'PATH', value: ({ spec }) => (spec.type.startsWith('http') ? spec.requestPath : '') },
    { title: 'INTERVAL', value: ({ spec }) => `${spec.checkIntervalSec}s` },
  ],
  feeds: {},
  example: { 'my-health-check': { type: 'http' } },
});

export const toCheck = (resource: Resource<HealthCheckSpec>): Check => ({
  id: keyOf(resource),
  type: resource.spec.type,
  ...(resource.spec.port === undefined ? {} : { port: resource.spec.port }),
  path: resource.spec.requestPath,
  ...(resource.spec.host === undefined ? {} : { host: resource.spec.host }),
  service: resource.spec.grpcServiceName,
  response: resource.spec.response,
  interval: resource.spec.checkIntervalSec,
  timeout: resource.spec.timeoutSec,
  rise: resource.spec.healthyThreshold,
  fall: resource.spec.unhealthyThreshold,
});
