import { setTimeout as sleep } from 'node:timers/promises';
import { type Context, Hono } from 'hono';
import { namedConnections } from '#control/gateways/connections.ts';
import { interfacesOf } from '#control/gateways/interfaces.ts';
import { type NetworkPart, networkOf } from '#control/gateways/network.ts';
import { rulesStatus } from '#control/gateways/rules.ts';
import { signInsOf } from '#control/gateways/sign-ins.ts';
import { type GatewayStatus, gatewayStatus, gatewaysNamed } from '#control/gateways/status.ts';
import { Problem } from '#core/problem.ts';
import { captivePortalId } from '#engines/captive-portal/assemble.ts';
import type { PortalSession } from '#engines/captive-portal/status.ts';
import { conntrackdId } from '#engines/conntrackd/assemble.ts';
import { filterId } from '#engines/filter/assemble.ts';
import type { Connections } from '#engines/filter/connections.ts';
import { gatewayServiceId } from '#engines/gateway-service/assemble.ts';
import { keepalivedId } from '#engines/keepalived/assemble.ts';
import { namespaceId } from '#engines/namespace/assemble.ts';
import type { InterfaceTraffic } from '#engines/namespace/interfaces.ts';
import { routingId } from '#engines/routing/assemble.ts';
import { filterPolicy } from '#kinds/filter-policy/kind.ts';
import { gateway } from '#kinds/gateway/kind.ts';
import { clusterOf, type Gateway } from '#kinds/gateway/place.ts';
import { gatewayCluster } from '#kinds/gateway-cluster/kind.ts';
import { gatewayNamespace } from '#kinds/network/fabric.ts';
import { didYouMean } from '#lib/text.ts';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import {
  ConnectionsQuery,
  CutRequest,
  GatewaysQuery,
  InterfacesQuery,
  MaintenanceRequest,
  RoleRequest,
  SignOutRequest,
} from './requests.ts';
import { missing } from './resources.ts';
import { needs } from './steps.ts';

/** What is asked of gateways beyond what every resource can do. A cluster's name stands for its active member. */
export function gatewayRoutes(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  const { control, host, observer, vpnNames: names } = parts;

  const seen = async () => (await observer.latest()).list;
  const all = (project: string, name?: string): readonly Gateway[] => {
    const found = gatewaysNamed(control.snapshot, project, name);
    if (found.length > 0 || name === undefined) return found;
    const kinds = [gateway, gatewayCluster] as const;
    const names = kinds.flatMap((kind) => control.snapshot.all<unknown, unknown>(kind, project).map((it) => it.name));
    throw missing(gateway, name, { project, names });
  };
  const statuses = async (project: string, name?: string) => {
    const list = await seen();
    return all(project, name).map((it) => gatewayStatus(it, control.snapshot, list));
  };
  /** The one of that name, or the active one of the cluster of that name. */
  const one = async (context: Context<Env>): Promise<Gateway> => {
    const { project = '', name = '' } = context.req.param();
    const [first, ...more] = all(project, name);
    if (first !== undefined && more.length === 0) return first;
    const active = (await statuses(project, name)).find((it) => it.role === 'active')?.name;
    const found = all(project, name).find((it) => it.name === active) ?? first;
    if (found === undefined) throw missing(gateway, name, { project, names: [] });
    return found;
  };
  /** Throws NOT_FOUND for a key such as lab/filterPolicy/office/web that names no rule: nothing would fit it, for no good reason. */
  const mustBeRule = (key: string | undefined): void => {
    const [project = '', kind, policy = '', name = ''] = key?.split('/') ?? [];
    if (kind !== filterPolicy.kind) return;
    const found = control.snapshot.find(filterPolicy, project, policy);
    const policies = () => control.snapshot.all(filterPolicy, project).map((it) => it.name);
    if (found === undefined) throw missing(filterPolicy, policy, { project, names: policies() });
    const rules = found.spec.rules.map((it) => it.name);
    if (rules.includes(name)) return;
    const near = didYouMean(name, rules);
    throw new Problem('NOT_FOUND', {
      at: `filterPolicies/${policy}`,
      message: `it has no rule ${name}`,
      fix: near === undefined ? '`vauban gateway rules` lists them.' : `Did you mean ${near}?`,
    });
  };
  const filterOf = ({ project, name }: Gateway): string => filterId(gatewayNamespace(project, name));

  app.get('/projects/:project/gateways:status', async (context) => {
    const { name } = parsedBy(GatewaysQuery, context.req.query());
    return context.json({ items: await statuses(context.req.param('project'), name) });
  });

  app.get('/projects/:project/gateways/:name/rules', async (context) => {
    const found = await one(context);
    const artifact = filterOf(found);
    const held = control.artifacts.find((it) => it.id === artifact);
    if (held === undefined) throw notHeld(artifact);
    const { project, name } = context.req.param();
    const filters = new Set(all(project, name).map(filterOf));
    return context.json(
      rulesStatus(
        held,
        (await seen()).filter((it) => filters.has(it.artifact)),
        (policy, name) => {
          const rules = control.snapshot.find(filterPolicy, found.project, policy)?.spec.rules ?? [];
          const { users = [], rights = false } = rules.find((it) => it.name === name) ?? {};
          return { users, rights };
        },
      ),
    );
  });

  app.get('/projects/:project/gateways/:name/connections', async (context) => {
    const { protocol, port, limit, user, ...rest } = parsedBy(ConnectionsQuery, context.req.query());
    const found = await one(context);
    mustBeRule(rest.rule);
    const query = {
      ...rest,
      ...(protocol === undefined ? {} : { protocol: Number(protocol) }),
      ...(port === undefined ? {} : { port: Number(port) }),
      limit: Number(limit),
    };
    const ask = async (more: object): Promise<Connections> => {
      const detail = JSON.stringify({ ...query, ...more });
      return (await host.ask({ artifact: filterOf(found), question: 'connections', detail })) as Connections;
    };
    return context.json(await namedConnections(found, names, { user, ask }));
  });

  app.get('/projects/:project/gateways/:name/interfaces', async (context) => {
    const { seconds } = parsedBy(InterfacesQuery, context.req.query());
    const found = await one(context);
    const traffic = await host.ask({
      artifact: namespaceId(gatewayNamespace(found.project, found.name)),
      question: 'interfaces',
      detail: JSON.stringify({ seconds: Number(seconds) }),
    });
    return context.json({ items: interfacesOf(found, traffic as readonly InterfaceTraffic[], control.snapshot) });
  });

  app.get('/projects/:project/gateways/:name/routes', async (context) => {
    const { project, name } = await one(context);
    const items = await host.ask({ artifact: routingId(gatewayNamespace(project, name)), question: 'routes' });
    return context.json({ items });
  });

  app.post('/projects/:project/gateways/:name/cut', needs('operator'), async (context) => {
    const { rule, user, ...tuple } = parsedBy(CutRequest, await bodyOf(context));
    const found = await one(context);
    mustBeRule(rule);
    const artifact = filterOf(found);
    const cut = (which: object) =>
      host.steer({ artifact, part: 'connections', state: 'cut', detail: JSON.stringify({ ...tuple, ...which }) });
    if (rule !== undefined) await host.steer({ artifact, part: rule, state: 'cut' });
    else if (user === undefined) await cut({});
    else {
      const addresses = names.addressesOf(found, user);
      if (addresses.length === 0) throw notSignedIn(user, found);
      for (const it of addresses) {
        await cut({ source: it });
        await cut({ destination: it });
      }
    }
    context.set('note', { request: { rule, user, ...tuple } });
    return context.json({});
  });

  /** Of the gateway, or of the member of its cluster that is active: both know the same sign-ins. */
  const portal = (found: Gateway): string => {
    const id = captivePortalId(gatewayNamespace(found.project, found.name));
    if (control.artifacts.some((it) => it.id === id)) return id;
    throw new Problem('UNMET', {
      at: `gateways/${found.name}`,
      message: 'it has no captive portal',
      fix: 'Declare `captivePortal` with the interfaces behind which people sign in.',
    });
  };

  app.get('/projects/:project/gateways/:name/signIns', async (context) => {
    const found = (await host.ask({
      artifact: portal(await one(context)),
      question: 'sign-ins',
    })) as readonly PortalSession[];
    return context.json({ items: signInsOf(found) });
  });

  app.post('/projects/:project/gateways/:name/signOut', needs('operator'), async (context) => {
    const { email } = parsedBy(SignOutRequest, await bodyOf(context));
    const artifact = portal(await one(context));
    await host.steer({ artifact, part: 'person', state: 'signed-out', detail: email.toLowerCase() });
    context.set('note', { request: { email } });
    return context.json({});
  });

  /** The service that arbitrates between the members of a cluster. */
  const service = (found: Gateway): string => {
    if (clusterOf(found, control.snapshot) !== undefined)
      return gatewayServiceId(gatewayNamespace(found.project, found.name));
    throw new Problem('UNMET', {
      at: `gateways/${found.name}`,
      message: 'it is alone: there is nobody to share a role with',
      fix: 'Declare a `gatewayClusters` entry with it and a second gateway.',
    });
  };

  app.post('/projects/:project/gateways/:name/role', needs('operator'), async (context) => {
    const { role } = parsedBy(RoleRequest, await bodyOf(context));
    await host.steer({ artifact: service(await one(context)), part: 'role', state: role });
    context.set('note', { request: { role } });
    return context.json({});
  });

  app.post('/projects/:project/gateways/:name/maintenance', needs('operator'), async (context) => {
    const { on } = parsedBy(MaintenanceRequest, await bodyOf(context));
    await host.steer({ artifact: service(await one(context)), part: 'maintenance', state: on ? 'on' : 'off' });
    context.set('note', { request: { on } });
    return context.json({});
  });

  /** The document's `ennetwork`. What is as it should be is applied once more and stays as it is. */
  app.post('/projects/:project/gateways/:name/network', needs('operator'), async (context) => {
    const { project = '', name = '' } = context.req.param();
    const held = new Set(control.artifacts.map((it) => it.id));
    const items: NetworkPart[] = [];
    for (const it of all(project, name)) {
      const parts = new Map([...networkOf(it)].filter(([id]) => held.has(id)));
      for (const { artifact, ...rest } of await host.renew([...parts.keys()]))
        items.push({ gateway: it.name, part: parts.get(artifact) ?? artifact, ...rest });
    }
    return context.json({ items });
  });

  /** For programs that were updated: whoever is active goes on with those that it has. */
  app.post('/projects/:project/gateways/:name/restart', needs('operator'), async (context) => {
    const found = await one(context);
    const own = service(found);
    const [status] = await statuses(found.project, found.name);
    if (status?.role === 'active')
      throw new Problem('UNMET', {
        at: `gateways/${found.name}`,
        message: 'it is active: its connections would have to wait',
        fix: `Let the other member take over first: \`vauban gateway switch ${found.name}\`.`,
      });
    const namespace = gatewayNamespace(found.project, found.name);
    for (const artifact of [own, conntrackdId(namespace), keepalivedId(namespace)])
      await host.steer({ artifact, part: 'program', state: 'restart' });
    return context.json({});
  });

  /** Settles with the machines what they hold, and tells whether both members have the same. */
  app.post('/projects/:project/gateways/:name/sync', needs('operator'), async (context) => {
    const { project = '', name = '' } = context.req.param();
    const found = all(project, name).map((it) => clusterOf(it, control.snapshot));
    await control.agree();
    const cluster = found.find((it) => it !== undefined)?.name ?? name;
    // Members tell each other what they hold many times a second; one that has just begun has not been heard yet.
    for (let look = 1; ; look++) {
      await observer.fresh();
      const items = await statuses(project, cluster);
      if (look === LOOKS || items.every(isSettled)) return context.json({ items });
      await sleep(BETWEEN);
    }
  });
  return app;
}

/** How often, and after how many milliseconds, it is looked again whether members of a cluster agree. */
const [LOOKS, BETWEEN] = [8, 400];

/** Alone, or it hears the other one, and both hold the same. */
function isSettled({ parts }: GatewayStatus): boolean {
  const pair = parts['high-availability'];
  return pair === undefined || ((pair['heardOnLink'] ?? 0) > 0 && pair['differing'] === 0);
}

const notSignedIn = (user: string, { name }: Gateway): Problem =>
  new Problem('NOT_FOUND', {
    at: `gateways/${name}`,
    message: `${user} is not signed in there, neither to the SSL VPN nor at the captive portal`,
    fix: `\`vauban vpn status\` and \`vauban gateway sign-ins ${name}\` show who is.`,
  });

const notHeld = (artifact: string): Problem =>
  new Problem('UNMET', {
    at: artifact,
    message: 'the machine does not hold it yet',
    fix: 'Try again when the change is applied.',
  });
