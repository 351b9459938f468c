import type { Snapshot } from '#core/resource.ts';
import type { Inspection } from '#kinds/gateway/inspection.ts';
import { configurationOf, type Gateway } from '#kinds/gateway/place.ts';
import { plainInspection } from '#kinds/gateway/spec.ts';
import { collectors, type Endpoint } from '#kinds/ids-endpoint/fabric.ts';
import type { FeedSettings } from './feed.ts';
import { severities } from './threat.ts';

/** How the pipeline follows an inspection of a gateway. */
export function crossingSettingsOf(
  gateway: Gateway,
  inspection: Inspection,
  { snapshot, file }: { readonly snapshot: Snapshot; readonly file: string },
): FeedSettings {
  const { severity } = configurationOf(gateway, snapshot).spec.inspection ?? plainInspection;
  return {
    file,
    trafficLogs: false,
    interfaces: {},
    endpoint: {
      project: gateway.project,
      name: gateway.name,
      zone: '',
      network: '',
      severity: severities.find((it) => it.toLowerCase() === severity) ?? 'INFORMATIONAL',
      exceptions: [],
      feed: inspection,
      isGateway: true,
    },
  };
}

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
