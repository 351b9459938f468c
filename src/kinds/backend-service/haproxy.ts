import { keyOf, type Snapshot } from '#core/resource.ts';
import type { BackendService, HaproxyFragment } from '#engines/haproxy/input.ts';
import { linkId } from '#engines/link/assemble.ts';
import { healthCheck, toCheck } from '../health-check/kind.ts';
import { edgeLinkId } from '../network/edge.ts';
import { toGoogleFront } from '../network/google.ts';
import { headerOf } from './check.ts';
import { networksOf, type Service, serversOf } from './servers.ts';

export function toHaproxy(service: Service, snapshot: Snapshot): readonly HaproxyFragment[] {
  const { project, name, spec } = service;
  const [asked] = spec.healthChecks;
  return [
    ...(spec.iap?.enabled === true ? [{ project, own: toGoogleFront(keyOf(service)) }] : []),
    {
      project,
      after: networksOf(service, snapshot).map((it) => linkId(edgeLinkId(project, it))),
      service: {
        id: keyOf(service),
        name,
        protocol: spec.protocol,
        policy: spec.localityLbPolicy,
        affinity: affinityOf(service),
        timeout: spec.timeoutSec,
        tunnelTimeout: spec.tunnelTimeoutSec,
        draining: spec.connectionDraining.drainingTimeoutSec,
        ...(spec.iap?.enabled === true ? { iap: true } : {}),
        ...(asked === undefined ? {} : { check: toCheck(snapshot.get(healthCheck, project, asked)) }),
        servers: [...serversOf(service, snapshot)],
        requestHeaders: spec.customRequestHeaders.map(headerOf),
        responseHeaders: spec.customResponseHeaders.map(headerOf),
      },
    },
  ];
}

function affinityOf({ spec }: Service): BackendService['affinity'] {
  const { httpCookie: cookie, httpHeaderName: header } = spec.consistentHash ?? {};
  const byCookie = {
    by: 'cookie' as const,
    name: cookie?.name ?? '',
    path: cookie?.path ?? '/',
    ttl: cookie?.ttlSec ?? 0,
  };
  switch (spec.sessionAffinity) {
    case 'CLIENT_IP':
      return { by: 'address' };
    case 'GENERATED_COOKIE':
      return { by: 'generated', ttl: spec.affinityCookieTtlSec };
    case 'HTTP_COOKIE':
      return byCookie;
    case 'HEADER_FIELD':
      return { by: 'header', name: header ?? '' };
    default:
      if (spec.localityLbPolicy !== 'RING_HASH') return { by: 'nothing' };
      return cookie !== undefined
        ? byCookie
        : header !== undefined
          ? { by: 'header', name: header }
          : { by: 'address' };
  }
}
