import { keyOf } from '#core/resource.ts';
import { numericId } from '../allocation.ts';
import { defineKind, type Seen } from '../define.ts';
import { toEdgeLink, toEdgeNamespace } from '../network/edge.ts';
import { GOOGLE_FRONT, toGoogleNames, toGoogleRoute } from '../network/google.ts';
import { checkService } from './check.ts';
import { toEdge } from './edge.ts';
import { toHaproxy } from './haproxy.ts';
import { toMetadata } from './metadata.ts';
import { networksOf } from './servers.ts';
import { type BackendServiceAssigned, BackendServiceSpec } from './spec.ts';

export const backendService = defineKind<BackendServiceSpec, BackendServiceAssigned>({
  kind: 'backendService',
  title: 'Backend service',
  spec: BackendServiceSpec,
  assign: (resource) => ({ id: numericId(keyOf(resource)) }),
  check: checkService,
  columns: [
    {
      title: 'BACKENDS',
      value: ({ spec }) => spec.backends.flatMap((it) => it.instanceGroup ?? it.networkEndpointGroup ?? []).join(','),
    },
    { title: 'PROTOCOL', value: ({ spec }) => spec.protocol },
    { title: 'HEALTH', value: (_, seen) => healthOf(seen) },
    { title: 'REQUESTS', value: (_, { values }) => String(values['requests'] ?? '') },
    { title: 'ERRORS', value: (_, { values }) => errorsOf(values) },
  ],
  feeds: {
    namespace: ({ project, spec }) => [toEdgeNamespace(project, spec.iap?.enabled === true ? [GOOGLE_FRONT] : [])],
    link: (service, snapshot) =>
      networksOf(service, snapshot).flatMap((it) => [
        toEdgeLink(service.project, it, snapshot),
        ...(service.spec.iap?.enabled === true ? [toGoogleRoute(service.project, it)] : []),
      ]),
    dnsmasq: (service, snapshot) =>
      service.spec.iap?.enabled === true
        ? networksOf(service, snapshot).map((it) => toGoogleNames(service.project, it))
        : [],
    haproxy: toHaproxy,
    metadata: toMetadata,
    edge: toEdge,
  },
  example: {
    'my-backend-service': {
      backends: [{ networkEndpointGroup: 'web-endpoints' }],
      iap: {},
      healthChecks: ['my-health-check'],
    },
  },
});

function healthOf({ values }: Seen): string {
  const { healthy, servers } = values;
  if (healthy === undefined || servers === undefined) return '';
  const word = servers === 0 ? 'EMPTY' : healthy === servers ? 'HEALTHY' : healthy === 0 ? 'UNHEALTHY' : 'PARTLY';
  return `${word} ${healthy}/${servers}`;
}

const errorsOf = (values: Seen['values']): string =>
  values['responses5xx'] === undefined ? '' : String(values['responses5xx']);
