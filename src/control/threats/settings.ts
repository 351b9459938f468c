import { collectors, type Endpoint } from '#kinds/ids-endpoint/fabric.ts';
import type { FeedSettings } from './feed.ts';
import { severities } from './threat.ts';

/** How the pipeline follows a declared endpoint. `file` is the engine's event file on this machine. */
export function feedSettingsOf({ project, name, spec }: Endpoint, file: string): FeedSettings {
  return {
    file,
    trafficLogs: spec.trafficLogs,
    interfaces: { [collectors.sent]: 'sent', [collectors.received]: 'received' },
    endpoint: {
      project,
      name,
      zone: spec.zone,
      network: spec.network,
      severity: severities.find((it) => it.toLowerCase() === spec.severity) ?? 'INFORMATIONAL',
      exceptions: spec.threatExceptions.map(({ threatId, source, destination, until, owner, reason }) => ({
        threatId,
        owner,
        reason,
        ...(source === undefined ? {} : { source }),
        ...(destination === undefined ? {} : { destination }),
        ...(until === undefined ? {} : { until: Date.parse(until) * 1000 }),
      })),
    },
  };
}
