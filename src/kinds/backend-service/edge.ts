import type { Snapshot } from '#core/resource.ts';
import type { EdgeFragment } from '#engines/edge/input.ts';
import { edgeProject } from '../instance/fabric.ts';
import { oauthClient } from '../oauth-client/kind.ts';
import type { Service } from './servers.ts';

const methods = { LOGIN: 'login', SECURE_KEY: 'secureKey', ENROLLED_SECOND_FACTORS: 'secondFactor' } as const;

/** What the edge service knows of a protected service; nothing of others. */
export function toEdge({ project, name, spec, assigned }: Service, snapshot: Snapshot): readonly EdgeFragment[] {
  const { iap } = spec;
  if (iap === undefined || !iap.enabled) return [];
  const service = {
    name,
    id: assigned.id,
    hosts: [],
    allowHttpOptions: iap.allowHttpOptions,
    ...(iap.oauthClient === undefined ? {} : { oauthClient: iap.oauthClient }),
    programmaticClients: iap.programmaticClients.map((it) => snapshot.get(oauthClient, project, it).assigned.clientId),
    reauthSeconds: iap.reauth?.maxAgeSec ?? 0,
    reauthMethod: methods[iap.reauth?.method ?? 'LOGIN'],
  };
  return [{ project: edgeProject(project), services: [service] }];
}
