import type { Resource, Snapshot } from '#core/resource.ts';
import type { EdgeFragment } from '#engines/edge/input.ts';
import { backendService } from '../backend-service/kind.ts';
import { edgeProject } from '../instance/fabric.ts';
import { sslCertificate } from '../ssl-certificate/kind.ts';
import { targetHttpsProxy } from '../target-https-proxy/kind.ts';
import { urlMap } from '../url-map/kind.ts';
import type { ForwardingRuleAssigned, ForwardingRuleSpec } from './spec.ts';

/**
 * Under which names people reach protected services by this front end: the sign-in brings them back to no other. A service
 * that answers for every name is reached by the front end's address and by the names of its certificates.
 */
export function toEdge(
  { project, spec, assigned }: Resource<ForwardingRuleSpec, ForwardingRuleAssigned>,
  snapshot: Snapshot,
): readonly EdgeFragment[] {
  if (spec.targetHttpsProxy === undefined) return [];
  const target = snapshot.get(targetHttpsProxy, project, spec.targetHttpsProxy).spec;
  const map = snapshot.get(urlMap, project, target.urlMap).spec;
  const isProtected = (name: string): boolean =>
    snapshot.find(backendService, project, name)?.spec.iap?.enabled === true;
  const names = target.sslCertificates.flatMap((it) => snapshot.get(sslCertificate, project, it).assigned.subjectNames);
  const port = assigned.port === 443 ? '' : `:${assigned.port}`;
  const ruled = map.hostRules.flatMap((rule) => {
    const matcher = map.pathMatchers.find((it) => it.name === rule.pathMatcher);
    const services = [matcher?.defaultService, ...(matcher?.pathRules.map((it) => it.service) ?? [])];
    return rule.hosts.flatMap((host) => services.map((service) => ({ host, service })));
  });
  const general = [assigned.address, ...names].map((host) => ({ host, service: map.defaultService }));
  const known = new Map<string, { readonly host: string; readonly service: string }>();
  for (const { host, service } of [...ruled, ...general]) {
    if (service === undefined || host === '*' || !isProtected(service)) continue;
    known.set(`${host} ${service}`, { host: `${host.toLowerCase()}${port}`, service });
  }
  return known.size === 0 ? [] : [{ project: edgeProject(project), hosts: [...known.values()] }];
}
