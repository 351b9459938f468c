import { Hono } from 'hono';
import { gatewaysWith, type TunnelView, tunnelsOfGateway } from '#control/gateways/tunnels.ts';
import { keyOf } from '#core/resource.ts';
import { strongswanId } from '#engines/strongswan/assemble.ts';
import { IpsecStatus } from '#engines/strongswan/status.ts';
import { ipsecOf } from '#kinds/gateway/ipsec.ts';
import { exported } from '#kinds/gateway/ipsec-export.ts';
import type { Gateway } from '#kinds/gateway/place.ts';
import { ipsecTunnel } from '#kinds/ipsec-tunnel/kind.ts';
import { gatewayNamespace } from '#kinds/network/fabric.ts';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { ExportQuery, IpsecQuery, TunnelRequest } from './requests.ts';
import { missing } from './resources.ts';
import { needs } from './steps.ts';

/** What is asked of IPsec tunnels beyond what every resource can do. */
export function ipsecRoutes({ control, host }: ApiParts): Hono<Env> {
  const app = new Hono<Env>();

  const gateways = (project: string, name?: string): readonly Gateway[] => {
    const found = gatewaysWith(control.snapshot, project, name);
    if (found.length > 0 || name === undefined) return found;
    const names = control.snapshot.all(ipsecTunnel, project).map((it) => it.name);
    throw missing(ipsecTunnel, name, { project, names });
  };
  const artifactOf = ({ project, name }: Gateway): string => strongswanId(gatewayNamespace(project, name));
  const statusOf = async (it: Gateway): Promise<readonly TunnelView[]> => {
    const answer = await host.ask({ artifact: artifactOf(it), question: 'tunnels' });
    return tunnelsOfGateway(it, IpsecStatus.parse(answer), control.snapshot);
  };

  app.get('/projects/:project/ipsec:status', async (context) => {
    const { name } = parsedBy(IpsecQuery, context.req.query());
    const lists = await Promise.all(gateways(context.req.param('project'), name).map(statusOf));
    return context.json({ items: lists.flat().filter((it) => name === undefined || it.name === name) });
  });

  /** Of a cluster both members are told: what a person has stopped stays so when the role moves. */
  app.post('/projects/:project/ipsec/:name/state', needs('operator'), async (context) => {
    const { project, name } = context.req.param();
    const { state } = parsedBy(TunnelRequest, await bodyOf(context));
    const part = keyOf({ project, kind: 'ipsecTunnel', name });
    for (const it of gateways(project, name)) await host.steer({ artifact: artifactOf(it), part, state });
    context.set('note', { request: { state } });
    return context.json({});
  });

  app.get('/projects/:project/ipsec/:name/export', (context) => {
    const { project, name } = context.req.param();
    const query = parsedBy(ExportQuery, context.req.query());
    const [first] = gateways(project, name);
    const found =
      first === undefined ? undefined : ipsecOf(first, control.snapshot).tunnels.find((it) => it.tunnel.name === name);
    if (found === undefined) throw missing(ipsecTunnel, name, { project, names: [] });
    return context.json({ text: exported(found, query.for, control.snapshot) });
  });
  return app;
}
