import type { Snapshot } from '#core/resource.ts';
import { headerVariables, variablesIn } from '#engines/haproxy/headers.ts';
import { overlaps, prefix } from '#lib/ip.ts';
import { didYouMean } from '#lib/text.ts';
import type { Objection } from '../define.ts';
import { instanceGroup } from '../instance-group/kind.ts';
import { instanceTemplate } from '../instance-template/kind.ts';
import { edgeRanges } from '../network/edge.ts';
import { subnet } from '../subnet/kind.ts';
import { backendService } from './kind.ts';
import { networksOf, placesOf, type Service } from './servers.ts';

type Backend = Service['spec']['backends'][number];

export const checkService = (service: Service, snapshot: Snapshot): readonly Objection[] => [
  ...checkBackends(service, snapshot),
  ...checkAffinity(service),
  ...checkHeaders(service),
  ...checkNetworks(service, snapshot),
];

function checkBackends(service: Service, snapshot: Snapshot): Objection[] {
  const seen = new Map<string, number>();
  return service.spec.backends.flatMap((backend, index): Objection[] => {
    if ((backend.instanceGroup === undefined) === (backend.networkEndpointGroup === undefined)) {
      const message = backend.instanceGroup === undefined ? 'it names no group of servers' : 'it names two groups';
      const fix = 'Give one of `instanceGroup` and `networkEndpointGroup`.';
      return [{ code: 'INVALID_DOCUMENT', path: ['backends', index], message, fix }];
    }
    const unusable = unknownPort(service, backend, snapshot) ?? onSegment(service, index, snapshot);
    if (unusable !== undefined) return [unusable];
    return placesOf(service, backend, snapshot).flatMap((place): Objection[] => {
      const key = `${place.network ?? ''} ${place.host}:${place.port}`;
      const before = seen.get(key);
      seen.set(key, index);
      if (before === undefined || before === index) return [];
      return [
        {
          path: ['backends', index],
          message: `${place.host}:${place.port} is in backend ${before + 1} as well`,
          fix: 'Name a server in one of the backends only.',
        },
      ];
    });
  });
}

/** A port name that a group does not know would quietly be another port. */
function unknownPort(service: Service, backend: Backend, snapshot: Snapshot): Objection | undefined {
  const { project, spec } = service;
  if (spec.portName === undefined || backend.instanceGroup === undefined) return undefined;
  const group = snapshot.find(instanceGroup, project, backend.instanceGroup);
  const names = group?.spec.namedPorts.map((it) => it.name) ?? [];
  if (group === undefined || names.includes(spec.portName)) return undefined;
  const near = didYouMean(spec.portName, names);
  return {
    path: ['portName'],
    message: `instance group ${group.name} has no port named ${spec.portName}`,
    fix: near === undefined ? 'Add it to `namedPorts` of the group, or use `port`.' : `Did you mean ${near}?`,
  };
}

/** Without a word such a backend would have no server. */
function onSegment({ project, spec }: Service, index: number, snapshot: Snapshot): Objection | undefined {
  const group = snapshot.find(instanceGroup, project, spec.backends[index]?.instanceGroup ?? '');
  const template = snapshot.find(instanceTemplate, project, group?.spec.template ?? '');
  return template === undefined || template.spec.interfaces.some((it) => it.segment === undefined)
    ? undefined
    : {
        path: ['backends', index, 'instanceGroup'],
        message: `hosts of ${group?.name} stand on a segment, where the load balancer does not lead`,
        fix: 'Give the template an interface on a network.',
      };
}

function checkAffinity({ spec }: Service): Objection[] {
  const needs = { HTTP_COOKIE: 'httpCookie', HEADER_FIELD: 'httpHeaderName' } as const;
  const objections: Objection[] = [];
  for (const [affinity, field] of Object.entries(needs)) {
    if (spec.sessionAffinity !== affinity || spec.consistentHash?.[field as 'httpCookie'] !== undefined) continue;
    objections.push({
      code: 'INVALID_DOCUMENT',
      path: ['consistentHash', field],
      message: `${affinity} needs to know by what`,
      fix:
        field === 'httpCookie'
          ? 'Add `consistentHash: { httpCookie: { name: NAME } }`.'
          : 'Add `consistentHash: { httpHeaderName: NAME }`.',
    });
  }
  return objections;
}

/** The engine makes these itself, or they belong to one hop only. */
const kept = new Set([
  ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'content-length', 'host'],
  ...['via', 'x-forwarded-for', 'x-forwarded-proto', 'x-request-id', 'proxy-connection'],
]);

function checkHeaders({ spec }: Service): Objection[] {
  return (['customRequestHeaders', 'customResponseHeaders'] as const).flatMap((field) =>
    spec[field].flatMap((text, index): Objection[] => {
      const { name, value } = headerOf(text);
      const lower = name.toLowerCase();
      const path = [field, index];
      if (kept.has(lower) || lower.startsWith('x-goog-')) {
        return [{ path, message: `${name} is set by the load balancer itself`, fix: 'Choose another name.' }];
      }
      return variablesIn(value)
        .filter((it) => !headerVariables.includes(it))
        .map((it) => {
          const near = didYouMean(it, headerVariables);
          const known = `Use one of ${headerVariables.join(', ')}.`;
          return {
            code: 'INVALID_DOCUMENT' as const,
            path,
            message: `there is no variable {${it}}`,
            fix: near === undefined ? known : `Did you mean {${near}}?`,
          };
        });
    }),
  );
}

export function headerOf(text: string): { readonly name: string; readonly value: string } {
  const colon = text.indexOf(':');
  return { name: text.slice(0, colon), value: text.slice(colon + 1).trim() };
}

/** The edge has one table of routes: an address behind it must lead to one place. */
function checkNetworks(service: Service, snapshot: Snapshot): Objection[] {
  const { project } = service;
  const rangesOf = (name: string) =>
    snapshot
      .all(subnet, project)
      .filter((it) => it.spec.network === name)
      .map((it) => it.spec.range);
  const all = new Set(snapshot.all(backendService, project).flatMap((it) => networksOf(it, snapshot)));
  return networksOf(service, snapshot).flatMap((own): Objection[] => {
    const taken = [
      ...[...all]
        .sort()
        .flatMap((other) =>
          other < own ? rangesOf(other).map((range) => ({ range, whose: `network ${other}` })) : [],
        ),
      ...edgeRanges.map((range) => ({ range, whose: 'the load balancer itself' })),
    ];
    for (const range of rangesOf(own)) {
      const clash = taken.find((it) => overlaps(prefix(it.range), prefix(range)));
      if (clash === undefined) continue;
      return [
        {
          path: ['backends'],
          message: `${range} of network ${own} overlaps ${clash.range} of ${clash.whose}; one load balancer cannot tell them apart`,
          fix: 'Give the networks behind a load balancer ranges that share no address, or use another project for one.',
        },
      ];
    }
    return [];
  });
}
