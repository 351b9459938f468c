import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { StrongswanInput } from './input.ts';
import type { IpsecStatus, TunnelStatus } from './status.ts';

/** What is seen of each tunnel under its key. A tunnel that is down says why. */
export function observation(held: Artifact<StrongswanInput>, status: IpsecStatus): Observation {
  const faults = status.tunnels.flatMap((it) => faultOf(it) ?? []);
  return {
    artifact: held.id,
    state: faults.length === 0 ? 'ready' : 'pending',
    ...(faults.length === 0 ? {} : { detail: faults.join('; ') }),
    values: Object.fromEntries(
      status.tunnels.map((it) => [
        it.key,
        {
          up: it.state === 'up' ? 1 : 0,
          since: it.since,
          rekeys: it.rekeys,
          bytesIn: it.bytesIn,
          bytesOut: it.bytesOut,
          packetsIn: it.packetsIn,
          packetsOut: it.packetsOut,
        },
      ]),
    ),
    details: Object.fromEntries(status.tunnels.map((it) => [it.key, faultOf(it) ?? it.state])),
  };
}

function faultOf({ key, state, failure }: TunnelStatus): string | undefined {
  if (failure === null || state === 'up' || state === 'standby' || state === 'disabled') return undefined;
  return `${key}: ${failure.message}`;
}
