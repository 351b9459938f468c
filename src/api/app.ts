import { Hono } from 'hono';
import { Problem } from '#core/problem.ts';
import { certificateRoutes } from './certificates.ts';
import { changeRoutes } from './changes.ts';
import type { ApiParts, Env } from './context.ts';
import { gatewayRoutes } from './gateways.ts';
import { groupRoutes } from './groups.ts';
import { ipsecRoutes } from './ipsec.ts';
import { comesInLines } from './lines.ts';
import { logRoutes } from './logs.ts';
import { machineRoutes } from './machines.ts';
import { resourceRoutes } from './resources.ts';
import { rightsRoutes } from './rights.ts';
import { segmentRoutes } from './segments.ts';
import { personSshKeys, sshKeyRoutes } from './ssh-keys.ts';
import { sslVpnRoutes } from './ssl-vpn.ts';
import { answerProblem, audited, authenticated, limited, requestId, sized } from './steps.ts';
import { systemRoutes } from './system.ts';
import { threatRoutes } from './threats.ts';

/** The REST API. The order of the steps is the order of this list; nothing is answered before all of them. */
export function apiApp(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  app.onError(answerProblem);
  app.notFound((context) => {
    const problem = new Problem('NOT_FOUND', {
      at: context.req.path,
      message: `there is no ${context.req.method} at this path`,
      fix: 'GET /v1/openapi.json lists the paths.',
    });
    return answerProblem(problem, context);
  });
  app.use('*', requestId);
  app.use('*', limited(parts));
  app.use('*', sized(comesInLines));
  app.use('*', audited(parts));
  // Before API tokens are asked for: people bring ID tokens, for this alone.
  app.route('/v1', personSshKeys(parts));
  app.use('*', authenticated(parts));
  const all = [
    systemRoutes,
    machineRoutes,
    changeRoutes,
    threatRoutes,
    logRoutes,
    sshKeyRoutes,
    groupRoutes,
    gatewayRoutes,
    certificateRoutes,
    ipsecRoutes,
    segmentRoutes,
    sslVpnRoutes,
    rightsRoutes,
    resourceRoutes,
  ];
  for (const routes of all) app.route('/v1', routes(parts));
  return app;
}
