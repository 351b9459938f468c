import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { severities, type Threat } from '#control/threats/threat.ts';
import { Problem } from '#core/problem.ts';
import { parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { StreamQuery, ThreatQuery } from './requests.ts';
import { streamThreats } from './threat-stream.ts';

/** Threats: list, one with its packets, counts, and a live stream. */
export function threatRoutes(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  const base = '/projects/:project/threats';

  app.get(base, async (context) => {
    const { name, fold, limit, ...query } = parsedBy(ThreatQuery, context.req.query());
    const page = await parts.threats.list({
      project: context.req.param('project'),
      ...defined(query),
      ...(name === undefined ? {} : { nameContains: name }),
      ...(fold === undefined ? {} : { fold: fold === 'true' }),
      ...(limit === undefined ? {} : { limit: Math.max(1, Math.min(1000, Number(limit))) }),
    });
    return context.json(page);
  });

  app.get(`${base}:counts`, async (context) => {
    const project = context.req.param('project');
    return context.json({
      bySeverity: await parts.threats.counts({ project }),
      names: await parts.threats.topNames({ project, limit: 20 }),
    });
  });

  app.get(`${base}:stream`, (context) => {
    const project = context.req.param('project');
    const { minimumSeverity, fold } = parsedBy(StreamQuery, context.req.query());
    const least = minimumSeverity === undefined ? 0 : severities.indexOf(minimumSeverity);
    const wanted = (it: Threat): boolean => severities.indexOf(it.severity) >= least && (fold !== 'true' || !it.folded);
    return streamSSE(context, (stream) => streamThreats(stream, parts, { project, wanted }));
  });

  app.get(`${base}/:id`, async (context) =>
    context.json(await found(parts, context.req.param('project'), context.req.param('id'))),
  );

  app.get(`${base}/:id/pcap`, async (context) => {
    const threat = await found(parts, context.req.param('project'), context.req.param('id'));
    const packets = await parts.packetsOf(threat);
    if (packets === undefined) {
      throw new Problem('NOT_FOUND', {
        at: `threat ${threat.id}`,
        message: 'the packets of its session were not kept, or are gone by now',
        fix: 'The packet that matched is in the threat itself: `vauban threats describe ID`.',
      });
    }
    context.header('content-type', 'application/vnd.tcpdump.pcap');
    context.header('content-disposition', `attachment; filename="threat-${threat.id}.pcap"`);
    return context.body(new Uint8Array(packets));
  });
  return app;
}

async function found(parts: ApiParts, project: string, id: string): Promise<Threat> {
  const threat = await parts.threats.get(id);
  if (threat !== undefined && threat.project === project) return threat;
  throw new Problem('NOT_FOUND', {
    at: `threat ${id}`,
    message: `there is no such threat in project ${project}`,
    fix: '`vauban threats list` shows them.',
  });
}

/** Without the fields that are undefined, as the store's types ask for. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
