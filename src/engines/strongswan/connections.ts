import type { Kernel, OpenConnection, Tunnel } from './input.ts';
import type { ViciMessage } from './vici.ts';

/** Number of the device that stands for tunnels where the kernel protects packets. */
export const INTERFACE_ID = '76';

/** A kernel that leaves packets to charon cannot tell it that there is one: it begins at once instead of waiting. */
export const startOf = ({ start, enabled }: Tunnel, kernel: Kernel): 'start' | 'respond' | 'trap' =>
  enabled ? (start === 'trap' && kernel === 'libipsec' ? 'start' : start) : 'respond';

/** A connection as VICI's `load-conn` takes it. Disabled tunnels are no part of it. */
export function connectionMessage(it: OpenConnection, kernel: Kernel): ViciMessage {
  const auth = it.certificate === undefined ? 'psk' : 'pubkey';
  return {
    [it.name]: {
      version: '2',
      local_addrs: [it.local],
      remote_addrs: it.remote.length === 0 ? ['%any'] : it.remote,
      proposals: it.proposals,
      // A peer that comes back, after a switch of ours or of its own, takes the place of what it was.
      unique: 'replace',
      mobike: 'no',
      encap: kernel === 'libipsec' ? 'yes' : 'no',
      dpd_delay: `${it.dpdSeconds}s`,
      rekey_time: `${it.rekeySeconds}s`,
      keyingtries: '0',
      send_certreq: it.certificate === undefined ? 'no' : 'yes',
      local: {
        auth,
        ...(it.localIdentity === undefined ? {} : { id: it.localIdentity }),
        ...(it.certificate === undefined ? {} : { certs: [it.certificate.own] }),
      },
      remote: {
        auth,
        id: it.remoteIdentity ?? '%any',
        // Where there is a list of what is revoked, one that is too old is none: the peer stays out.
        ...(it.certificate === undefined
          ? {}
          : { cacerts: [it.certificate.trusted], revocation: it.certificate.revoked === '' ? 'relaxed' : 'strict' }),
      },
      children: Object.fromEntries(
        it.tunnels
          .filter((one) => one.enabled)
          .flatMap((one) => one.pairs.map((pair) => [pair.name, childOf(one, pair, kernel)])),
      ),
    },
  };
}

function childOf(tunnel: Tunnel, pair: Tunnel['pairs'][number], kernel: Kernel): ViciMessage {
  const start = startOf(tunnel, kernel);
  return {
    local_ts: [pair.local],
    remote_ts: [pair.remote],
    mode: 'tunnel',
    esp_proposals: tunnel.proposals,
    rekey_time: `${tunnel.rekeySeconds}s`,
    // The old keys are good until the new ones are there, also where a tenth of their life is less than a second.
    life_time: `${Math.ceil(tunnel.rekeySeconds * 1.1) + 30}s`,
    rand_time: `${Math.floor(tunnel.rekeySeconds / 10)}s`,
    start_action: start === 'trap' ? 'trap' : 'none',
    dpd_action: start === 'start' ? 'restart' : start === 'trap' ? 'trap' : 'clear',
    close_action: start === 'trap' ? 'trap' : 'none',
    ...(kernel === 'esp' ? { if_id_in: INTERFACE_ID, if_id_out: INTERFACE_ID } : {}),
  };
}

/** What ends all tunnels of a peer when it changes; what is left out changes single ones. */
export const agreementOf = ({ tunnels: _, key: _key, ...rest }: OpenConnection): unknown => rest;

/** What ends one pair when it changes. */
export const pairsOf = (it: OpenConnection): ReadonlyMap<string, unknown> =>
  new Map(
    it.tunnels
      .filter((one) => one.enabled)
      .flatMap(({ proposals, rekeySeconds, pairs }) =>
        pairs.map((pair) => [pair.name, { proposals, rekeySeconds, ...pair }] as const),
      ),
  );
