import { type LogEntry, logIds, logNameOf } from '#core/log.ts';
import type { Snapshot } from '#core/resource.ts';
import { parseAccess } from '#engines/haproxy/access-log.ts';
import { haproxyPaths } from '#engines/haproxy/paths.ts';
import { forwardingRule } from '#kinds/forwarding-rule/kind.ts';
import { targetHttpProxy } from '#kinds/target-http-proxy/kind.ts';
import { targetHttpsProxy } from '#kinds/target-https-proxy/kind.ts';
import { insertIdOf } from '../entries/insert-id.ts';
import { type FrontEnd, requestEntry } from '../entries/request.ts';
import type { LineLog } from './collector.ts';
import type { LineSurroundings } from './firewall.ts';

/** The engine cuts longer ones. */
const lineLimit = 64 * 1024;

/** What load balancers were asked, by project. */
export function requestLogs(snapshot: Snapshot, { deployment, now }: LineSurroundings): readonly LineLog[] {
  const projects = [...new Set(snapshot.all(forwardingRule).map((it) => it.project))];
  return projects.map((project): LineLog => {
    const { log } = haproxyPaths({ run: deployment.run, state: deployment.hostState }, project);
    const fronts = frontEnds(snapshot, project);
    return {
      name: `requests/${project}`,
      file: `${log}.d/current`,
      lineLimit,
      isOlder: (name) => /^@[0-9a-f]{24}\.[su]$/.test(name),
      entryOf: (line, number) => {
        const access = parseAccess(line);
        if (access === undefined) return engineEntry(line, { project, number, at: now().toISOString() });
        const rule = access.front.replace(/^front\./, '');
        const front = fronts.get(rule) ?? { project, forwardingRule: rule, targetProxy: '', urlMap: '', address: '' };
        return requestEntry(access, front, now().toISOString());
      },
    };
  });
}

function frontEnds(snapshot: Snapshot, project: string): ReadonlyMap<string, FrontEnd> {
  return new Map(
    snapshot.all(forwardingRule, project).map(({ name, spec, assigned }) => {
      const https =
        spec.targetHttpsProxy === undefined
          ? undefined
          : snapshot.find(targetHttpsProxy, project, spec.targetHttpsProxy);
      const plain =
        spec.targetHttpProxy === undefined ? undefined : snapshot.find(targetHttpProxy, project, spec.targetHttpProxy);
      const target = https ?? plain;
      return [
        name,
        {
          project,
          forwardingRule: name,
          targetProxy: target?.name ?? '',
          urlMap: target?.spec.urlMap ?? '',
          address: assigned.address,
        },
      ];
    }),
  );
}

interface Place {
  readonly project: string;
  readonly number: number;
  readonly at: string;
}

/** What the engine says besides: how servers do, and what troubles it. It says the former twice, once with a prefix. */
function engineEntry(line: string, { project, number, at }: Place): LogEntry | undefined {
  const health = /^Server ([a-z0-9-]+)(?:\.ask)?\/(\S+) is (UP|DOWN)(?:, reason: (.*?)(?:\. \d+ active and|$))?/.exec(
    line,
  );
  const envelope = {
    insertId: insertIdOf([line, number, at]),
    timestamp: at,
    receiveTimestamp: at,
  };
  if (health !== null) {
    const [, service = '', server = '', state = '', reason] = health;
    const labels = { project_id: project, backend_service_name: service, zone: 'global' };
    return {
      ...envelope,
      logName: logNameOf(project, logIds.health),
      resource: { type: 'http_load_balancer', labels },
      severity: state === 'UP' ? 'INFO' : 'WARNING',
      jsonPayload: {
        backendService: service,
        server,
        healthState: state === 'UP' ? 'HEALTHY' : 'UNHEALTHY',
        ...(reason === undefined ? {} : { reason }),
      },
    };
  }
  const [, level = '', text = ''] = /^\[(WARNING|ALERT)\]\s+\(\d+\)\s*: (.*)$/.exec(line) ?? [];
  if (text === '' || text.startsWith('Server ')) return undefined;
  return {
    ...envelope,
    logName: logNameOf(project, logIds.requests),
    resource: { type: 'http_load_balancer', labels: { project_id: project, zone: 'global' } },
    severity: level === 'ALERT' ? 'ALERT' : 'WARNING',
    textPayload: text,
  };
}
