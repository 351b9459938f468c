import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { OpenvpnInput } from './input.ts';
import type { VpnStatus } from './status.ts';

/** How the SSL VPN of one gateway is doing. On a gateway that is not active nothing of it runs, as it should be. */
export function observation(
  held: Artifact<OpenvpnInput>,
  { status, away }: { readonly status: VpnStatus | undefined; readonly away: boolean },
): Observation {
  const artifact = held.id;
  if (away) return { artifact, state: 'ready', values: {} };
  if (status === undefined)
    return { artifact, state: 'failed', detail: 'the VPN service does not answer: nobody new comes in', values: {} };
  const down = held.input.listeners.map((it) => it.transport).filter((it) => !status.ready.includes(it));
  const values = {
    sessions: status.sessions.length,
    refused: status.refused,
    received: status.sessions.reduce((sum, it) => sum + it.received, 0),
    sent: status.sessions.reduce((sum, it) => sum + it.sent, 0),
  };
  return {
    artifact,
    state: down.length === 0 ? 'ready' : 'failed',
    ...(down.length === 0 ? {} : { detail: `openvpn over ${down.join(' and ')} does not run` }),
    values: { [held.input.owner]: values, [held.input.server]: values },
  };
}
