import type { KeepalivedInput } from './input.ts';
import type { ClusterPaths } from './paths.ts';

/** keepalived's weight of a tracked file whose `1` makes the node unfit. */
const UNFIT = -254;

const block = (head: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`${head} {`, ...lines.map((it) => `  ${it}`), '}'];

/**
 * keepalived.conf. One address goes into advertisements, because nodes refuse those whose list differs from their own, and
 * lists do differ while a change goes round; the others are announced all the same.
 */
export function renderConfig(input: KeepalivedInput, paths: ClusterPaths): string {
  const files = input.arbitrated ? ['hold', 'maintenance'] : [];
  const fileOf = (name: string) => (name === 'hold' ? paths.hold : paths.maintenance);
  const [first, ...others] = [
    ...input.shared.filter((it) => it.interface === input.interface),
    ...input.shared.filter((it) => it.interface !== input.interface),
  ].map((it) => `${it.prefix} dev ${it.interface}`);
  const tracked = input.tracked
    .filter((it) => it.interface !== input.interface)
    .map((it) => (it.weight === 0 ? it.interface : `${it.interface} weight -${it.weight}`));
  const lines = [
    ...block('global_defs', [
      `router_id ${input.node}`,
      'vrrp_version 3',
      `vrrp_notify_fifo ${paths.events}`,
      `vrrp_garp_master_repeat ${input.gratuitousArps}`,
      'vrrp_garp_master_delay 1',
      'vrrp_garp_master_refresh 10',
      'vrrp_garp_master_refresh_repeat 1',
      ...(input.startupDelayMs === 0 ? [] : [`vrrp_startup_delay ${input.startupDelayMs / 1000}`]),
      'vrrp_check_unicast_src',
      'vrrp_priority -20',
      'dynamic_interfaces',
    ]),
    ...files.flatMap((it) => block(`vrrp_track_file ${it}`, [`file "${fileOf(it)}"`, `weight ${UNFIT}`])),
    ...block('vrrp_instance gateway', [
      'state BACKUP',
      `interface ${input.interface}`,
      `virtual_router_id ${input.routerId}`,
      `priority ${input.priority}`,
      `advert_int ${input.advertMs / 1000}`,
      ...(input.preempt ? [] : ['nopreempt']),
      `unicast_src_ip ${input.own}`,
      ...block('unicast_peer', input.peers),
      ...block('track_interface', tracked),
      ...block('track_file', files),
      ...block('virtual_ipaddress', [first ?? '']),
      ...block('virtual_ipaddress_excluded', others),
      ...block(
        'virtual_routes',
        input.routes.map((it) => `${it.destination} via ${it.via} dev ${it.interface}`),
      ),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}
