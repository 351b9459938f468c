import { Hono } from 'hono';
import { gatewayStatus } from '#control/gateways/status.ts';
import { byAddress, type ConnectedPerson, personalId, shown } from '#control/vpn/people.ts';
import { profileText } from '#control/vpn/profile.ts';
import { Problem } from '#core/problem.ts';
import { openvpnId } from '#engines/openvpn/assemble.ts';
import type { VpnSession } from '#engines/openvpn/status.ts';
import type { CertificateAnswer } from '#engines/pki/ask.ts';
import { pkiId } from '#engines/pki/assemble.ts';
import type { DemandRequest } from '#engines/pki/input.ts';
import { demandPart } from '#engines/pki/steer.ts';
import { authorityId } from '#kinds/certificate-authority/kind.ts';
import type { Gateway } from '#kinds/gateway/place.ts';
import { gatewayNamespace } from '#kinds/network/fabric.ts';
import { sslVpnServer } from '#kinds/ssl-vpn-server/kind.ts';
import { addressOf, gatewaysWith, type SslVpnServer } from '#kinds/ssl-vpn-server/served.ts';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { DisconnectRequest, ProfileRequest, SessionsQuery } from './requests.ts';
import { missing } from './resources.ts';
import { needs } from './steps.ts';

/** Days that a person's certificate lasts. */
const LIFE_DAYS = 397;

/** What is asked of SSL VPN servers beyond what every resource can do: who is connected, profiles, an end. */
export function sslVpnRoutes({ control, host, observer }: ApiParts): Hono<Env> {
  const app = new Hono<Env>();

  const servers = (project: string, name?: string): readonly SslVpnServer[] => {
    const all = control.snapshot.all(sslVpnServer, project);
    const found = all.filter((it) => name === undefined || it.name === name);
    if (found.length > 0 || name === undefined) return found;
    throw missing(sslVpnServer, name, { project, names: all.map((it) => it.name) });
  };
  /** The gateways that let people in at this moment: of a cluster the active one. */
  const active = async (server: SslVpnServer): Promise<readonly Gateway[]> => {
    const seen = (await observer.latest()).list;
    return gatewaysWith(server, control.snapshot).filter(
      (it) => gatewayStatus(it, control.snapshot, seen).role === 'active',
    );
  };
  const artifactOf = ({ project, name }: Gateway): string => openvpnId(gatewayNamespace(project, name));
  const sessionsOf = async (server: SslVpnServer): Promise<readonly (ConnectedPerson & { artifact: string })[]> => {
    const all = (await active(server)).map(async (it) => {
      const artifact = artifactOf(it);
      const sessions = (await host.ask({ artifact, question: 'sessions' })) as readonly VpnSession[];
      return sessions.map((one) => ({ ...shown(one, { server: server.name, gateway: it.name }), artifact }));
    });
    return (await Promise.all(all)).flat().sort(byAddress);
  };

  app.get('/projects/:project/sslVpnServers:sessions', async (context) => {
    const { server } = parsedBy(SessionsQuery, context.req.query());
    const all = await Promise.all(servers(context.req.param('project'), server).map(sessionsOf));
    return context.json({ items: all.flat().map(({ artifact: _, ...it }) => it) });
  });

  app.post('/projects/:project/sslVpnServers:disconnect', needs('operator'), async (context) => {
    const { email } = parsedBy(DisconnectRequest, await bodyOf(context));
    const all = await Promise.all(servers(context.req.param('project')).map(sessionsOf));
    const own = all.flat().filter((it) => it.email === email.toLowerCase());
    if (own.length === 0) throw notConnected(email);
    for (const artifact of new Set(own.map((it) => it.artifact)))
      await host.steer({ artifact, part: 'person', state: 'disconnected', detail: email.toLowerCase() });
    context.set('note', { request: { email } });
    return context.json({});
  });

  app.post('/projects/:project/sslVpnServers/:name/profile', needs('operator'), async (context) => {
    const { project = '', name = '' } = context.req.param();
    const { email, code } = parsedBy(ProfileRequest, await bodyOf(context));
    const [server] = servers(project, name);
    if (server === undefined) throw missing(sslVpnServer, name, { project, names: [] });
    const [at] = gatewaysWith(server, control.snapshot);
    const address = at === undefined ? undefined : addressOf(server, at, control.snapshot);
    if (at === undefined || address === undefined) throw notInForce(name);
    if (email === undefined && server.spec.requirePersonalCertificate) throw needsPerson(name);
    const parts = (await host.ask({ artifact: artifactOf(at), question: 'profile' })) as Readonly<
      Record<'authority' | 'tlsCrypt', string>
    >;
    const personal =
      email !== undefined && server.spec.requirePersonalCertificate ? await issue(server, email) : undefined;
    context.set('note', { request: { email, certificate: personal !== undefined } });
    return context.json({
      profile: profileText({
        ...{ server, address, ...parts },
        ...(personal === undefined ? {} : { personal }),
        ...(email === undefined ? {} : { email }),
        code: code ?? server.spec.secondFactor === 'required',
      }),
    });
  });

  /** The certificate that the person has already, when it is good, or a new one. */
  const issue = async (server: SslVpnServer, email: string) => {
    const artifact = pkiId(authorityId({ project: server.project, name: server.spec.certificateAuthority }));
    const id = personalId(email);
    const request: DemandRequest = {
      ...{ subject: { commonName: email.toLowerCase() }, names: [], addresses: [], emails: [email.toLowerCase()] },
      ...{ usage: 'client', lifeDays: LIFE_DAYS },
    };
    await host.steer({ artifact, part: demandPart(id), state: 'issued', detail: JSON.stringify(request) });
    const detail = JSON.stringify({ origin: 'demand', id });
    const found = (await host.ask({ artifact, question: 'bundle', detail })) as CertificateAnswer;
    return { certificate: found.certificate, privateKey: found.privateKey ?? '' };
  };
  return app;
}

const notConnected = (email: string): Problem =>
  new Problem('NOT_FOUND', {
    at: email,
    message: 'nobody of that address is connected',
    fix: 'See `vauban vpn status`.',
  });

const notInForce = (name: string): Problem =>
  new Problem('UNMET', {
    at: `sslVpnServers/${name}`,
    message: 'no gateway has it in force',
    fix: 'Name it as `sslVpn` of a gateway or cluster.',
  });

const needsPerson = (name: string): Problem =>
  new Problem('INVALID_REQUEST', {
    at: `sslVpnServers/${name}`,
    message: 'it asks people for certificates of their own, so every profile is somebody’s',
    fix: 'Say whose it is to be: `vauban vpn profile EMAIL`.',
  });
