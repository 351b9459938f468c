import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import type { Frontend, HaproxyFragment } from '#engines/haproxy/input.ts';
import { pkiId } from '#engines/pki/assemble.ts';
import { defineKind } from '../define.ts';
import { toEdgeBase, toEdgeNamespace, toEdgeUplink } from '../network/edge.ts';
import { internetNamespace, internetResolver } from '../network/fabric.ts';
import { targetHttpProxy } from '../target-http-proxy/kind.ts';
import { clientsOf } from '../target-https-proxy/clients.ts';
import { targetHttpsProxy } from '../target-https-proxy/kind.ts';
import { assign } from './assign.ts';
import { checkRule } from './check.ts';
import { toEdge } from './edge.ts';
import { type ForwardingRuleAssigned, ForwardingRuleSpec } from './spec.ts';

type Rule = Resource<ForwardingRuleSpec, ForwardingRuleAssigned>;

export const forwardingRule = defineKind<ForwardingRuleSpec, ForwardingRuleAssigned>({
  kind: 'forwardingRule',
  title: 'Forwarding rule',
  spec: ForwardingRuleSpec,
  assign,
  check: checkRule,
  meaning: (before, after) => [
    ...(before === undefined && after !== undefined
      ? [`opens tcp:${after.assigned.port} of ${after.assigned.address} to the internet`]
      : []),
    ...(before !== undefined && after === undefined
      ? [`closes tcp:${before.assigned.port} of ${before.assigned.address} to the internet`]
      : []),
  ],
  columns: [
    { title: 'IP_ADDRESS', value: ({ assigned }) => assigned.address },
    { title: 'PORT', value: ({ assigned }) => String(assigned.port) },
    { title: 'TARGET', value: ({ spec }) => spec.targetHttpsProxy ?? spec.targetHttpProxy ?? '' },
    { title: 'REQUESTS', value: (_, { values }) => String(values['requests'] ?? '') },
  ],
  feeds: {
    namespace: ({ project, assigned }) => [toEdgeNamespace(project, [assigned.address]), internetNamespace],
    dnsmasq: () => [internetResolver],
    link: ({ project, assigned }) => toEdgeUplink(project, assigned.transit, [assigned.address]),
    edge: (rule, snapshot) => toEdge(rule, snapshot),
    haproxy: (rule, snapshot) => [toEdgeBase(rule.project), toFragment(rule, snapshot)],
  },
  example: { 'my-front-end': { targetHttpsProxy: 'my-https-proxy', address: 'static-ip' } },
});

const minVersions = { TLS_1_0: 'TLSv1.0', TLS_1_1: 'TLSv1.1', TLS_1_2: 'TLSv1.2', TLS_1_3: 'TLSv1.3' } as const;

function toFragment(rule: Rule, snapshot: Snapshot): HaproxyFragment {
  const frontend = toFrontend(rule, snapshot);
  const authorities = frontend.tls?.clients?.authorities ?? [];
  return { project: rule.project, frontend, ...(authorities.length === 0 ? {} : { after: authorities.map(pkiId) }) };
}

function toFrontend(rule: Rule, snapshot: Snapshot): Frontend {
  const { project, name, spec, assigned } = rule;
  const common = { id: keyOf(rule), name, address: assigned.address, port: assigned.port };
  if (spec.targetHttpsProxy === undefined) {
    return { ...common, routes: snapshot.get(targetHttpProxy, project, spec.targetHttpProxy ?? '').spec.urlMap };
  }
  const target = snapshot.get(targetHttpsProxy, project, spec.targetHttpsProxy);
  const clients = clientsOf(target, snapshot);
  return {
    ...common,
    routes: target.spec.urlMap,
    tls: {
      target: keyOf(target),
      certificates: [...target.spec.sslCertificates],
      minVersion: minVersions[target.spec.minTlsVersion],
      ...(clients === undefined ? {} : { clients }),
    },
  };
}
