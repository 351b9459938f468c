import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import type { CaptivePortalFragment } from '#engines/captive-portal/input.ts';
import type { EdgePortal } from '#engines/edge/sections/portal.ts';
import type { FilterRule as Rule } from '#engines/filter/input.ts';
import { parseAddress } from '#lib/ip.ts';
import { certificate, certificatePlace, checkInForce } from '../certificate/kind.ts';
import type { Objection } from '../define.ts';
import type { FilterRule } from '../filter-policy/spec.ts';
import { gatewayNamespace } from '../network/fabric.ts';
import { protocolsOf } from '../service-object/kind.ts';
import { gateway as gatewayKind } from './kind.ts';
import { namesPeople } from './people.ts';
import { clusterOf, configurationOf, type Gateway, type Port, portsOf, primaryOf } from './place.ts';
import type { Configuration } from './spec.ts';

/** Port of 127.0.0.1 to which the filter hands HTTP of who has not signed in; those of the URL filter are above. */
const DIVERT_PORT = 3100;
/** Numbers of what the gateway lets pass by itself; rules of policies have those up to 60,000. */
const FIRST_NUMBER = 60_001;

type CaptivePortal = NonNullable<Configuration['captivePortal']>;

export const captivePortalOf = (gateway: Gateway, snapshot: Snapshot): CaptivePortal | undefined =>
  configurationOf(gateway, snapshot).spec.captivePortal;

/** Key of the portal: of the gateway, or of the cluster whose members have it in common. */
export const portalKey = (gateway: Gateway, snapshot: Snapshot): string =>
  keyOf(configurationOf(gateway, snapshot).owner);

/** Captive portals of a project, each with the first gateway that has it. */
export function portalGateways(
  project: string,
  snapshot: Snapshot,
): readonly { readonly gateway: Gateway; readonly owner: Resource }[] {
  const found = new Map<string, { readonly gateway: Gateway; readonly owner: Resource }>();
  for (const it of snapshot.all(gatewayKind, project)) {
    const { owner, spec } = configurationOf(it, snapshot);
    if (spec.captivePortal !== undefined && !found.has(keyOf(owner))) found.set(keyOf(owner), { gateway: it, owner });
  }
  return [...found.values()];
}

const portsAt = (gateway: Gateway, snapshot: Snapshot, { interfaces }: CaptivePortal): readonly Port[] =>
  portsOf(gateway, snapshot).filter((it) => interfaces.includes(it.name));

/** Where clients on a port find the pages. */
const hostOf = (it: Port, { hostname }: CaptivePortal): string | undefined => hostname ?? primaryOf(it);

export function toCaptivePortal(gateway: Gateway, snapshot: Snapshot): readonly CaptivePortalFragment[] {
  const spec = captivePortalOf(gateway, snapshot);
  if (spec === undefined) return [];
  const ports = portsAt(gateway, snapshot, spec);
  const places = ports.flatMap((it) => {
    const host = hostOf(it, spec);
    return host === undefined ? [] : [{ networks: [...it.networks], host }];
  });
  if (places.length === 0) return [];
  const shown =
    spec.certificate === undefined ? undefined : snapshot.find(certificate, gateway.project, spec.certificate);
  return [
    {
      namespace: gatewayNamespace(gateway.project, gateway.name),
      owner: keyOf(gateway),
      project: gateway.project,
      portal: portalKey(gateway, snapshot),
      port: spec.port,
      divertPort: DIVERT_PORT,
      places,
      ...(shown === undefined ? {} : { certificate: certificatePlace(shown) }),
      names: spec.hostname === undefined ? [] : [spec.hostname],
      addresses: [...new Set(ports.flatMap((it) => primaryOf(it) ?? []))].sort(),
    },
  ];
}

/** What the edge service is told of it. */
export function portalSection(gateway: Gateway, snapshot: Snapshot): EdgePortal | undefined {
  const spec = captivePortalOf(gateway, snapshot);
  if (spec === undefined) return undefined;
  const { owner } = configurationOf(gateway, snapshot);
  const { directories, secondFactor, lifetimeMinutes } = spec;
  return { key: keyOf(owner), name: owner.name, directories, secondFactor, lifetimeSeconds: lifetimeMinutes * 60 };
}

/** Whoever stands on its interfaces must reach the pages. */
export function portalFilter(gateway: Gateway, snapshot: Snapshot) {
  const spec = captivePortalOf(gateway, snapshot);
  if (spec === undefined) return [];
  const key = `${keyOf(gateway)}/captive-portal`;
  const anybody = { sets: [], negated: false };
  const tcp = (port: number) => [{ protocol: 'tcp' as const, ports: [[port, port] as [number, number]] }];
  return [
    { serviceSet: { key, services: tcp(spec.port) } },
    { serviceSet: { key: httpKey(gateway, snapshot), services: tcp(80) } },
    { local: { id: key, inInterfaces: [...spec.interfaces], source: anybody, destination: anybody, services: [key] } },
  ];
}

const httpKey = (gateway: Gateway, snapshot: Snapshot): string => `${portalKey(gateway, snapshot)}/led-http`;

/**
 * HTTP that only a rule for people would let pass is handed to the portal, which sends the client to the pages. It stands
 * after the last rule that lets something pass: what follows are refusals, which it spares nobody else.
 */
export function withPortal(
  rules: readonly Rule[],
  declared: ReadonlyMap<string, FilterRule>,
  { gateway, snapshot }: { readonly gateway: Gateway; readonly snapshot: Snapshot },
): Rule[] {
  const spec = captivePortalOf(gateway, snapshot);
  if (spec === undefined) return [...rules];
  const last = rules.findLastIndex((it) => it.enabled && it.action === 'pass');
  const diverted = rules.flatMap((rule, index): Rule[] => {
    const said = declared.get(rule.id);
    if (said === undefined || !namesPeople(said) || !rule.enabled || rule.action !== 'pass') return [];
    const inInterfaces = rule.inInterfaces.filter((it) => spec.interfaces.includes(it));
    if (inInterfaces.length === 0 || !allowsHttp(said, gateway, snapshot)) return [];
    const { people: _, path: __, ...match } = rule;
    return [
      {
        ...match,
        id: `${portalKey(gateway, snapshot)}/led-${index + 1}`,
        number: FIRST_NUMBER + index,
        inInterfaces,
        services: [httpKey(gateway, snapshot)],
        inspection: 'firewall',
        failOpen: false,
        divert: [{ ports: [80], to: DIVERT_PORT }],
        log: 'none',
      },
    ];
  });
  return [...rules.slice(0, last + 1), ...diverted, ...rules.slice(last + 1)];
}

const allowsHttp = ({ services }: FilterRule, { project }: Gateway, snapshot: Snapshot): boolean =>
  services.length === 0 ||
  services.some((name) =>
    protocolsOf(name, { project, snapshot }).some(
      ({ protocol, ports }) =>
        protocol === 'all' ||
        ((protocol === 'tcp' || protocol === 6) &&
          (ports === undefined || ports.some(([from, to]) => from <= 80 && 80 <= to))),
    ),
  );

/** Whether it can stand there. */
export function checkPortal(spec: Configuration, gateway: Gateway, snapshot: Snapshot): Objection[] {
  const { captivePortal } = spec;
  if (captivePortal === undefined) return [];
  const at = (message: string, fix: string, field = 'interfaces'): Objection => ({
    path: ['captivePortal', field],
    message,
    fix,
  });
  const ports = portsOf(gateway, snapshot);
  const isMember = clusterOf(gateway, snapshot) !== undefined;
  const faults = captivePortal.interfaces.flatMap((name): Objection[] => {
    const port = ports.find((it) => it.name === name);
    const inner = ports.filter((it) => !it.external).map((it) => it.name);
    if (port === undefined)
      return [at(`${gateway.name} has no interface ${name}`, `Its protected interfaces are ${inner.join(', ')}.`)];
    if (port.external)
      return [at(`${name} leads outside`, 'Name protected interfaces; from outside there is `sslVpn`.')];
    if ((isMember ? port.shared[0] : port.own) !== undefined) return [];
    return [
      at(
        `there is no address on ${name} that clients could be sent to`,
        isMember
          ? `Add a shared address on ${name} to \`addresses\`.`
          : `Declare the \`address\` of interface ${name}.`,
      ),
    ];
  });
  return [
    ...faults,
    ...(gateway.spec.attach === 'host'
      ? [at('a gateway with `attach: host` has no captive portal', 'Take it out.', 'interfaces')]
      : []),
    ...(spec.antispoofing
      ? []
      : [
          at(
            'rights go by addresses, and without antispoofing anybody may use anybody’s',
            'Take `antispoofing: false` out.',
          ),
        ]),
    ...(captivePortal.hostname !== undefined && parseAddress(captivePortal.hostname) !== undefined
      ? [at('that is an address', 'Give a DNS name, or leave it out.', 'hostname')]
      : []),
    ...(captivePortal.certificate === undefined
      ? []
      : checkInForce(snapshot, gateway.project, captivePortal.certificate).map((it) => ({
          ...it,
          path: ['captivePortal', 'certificate'],
        }))),
  ];
}
