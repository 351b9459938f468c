import { type LogEntry, logIds, logNameOf } from '#core/log.ts';
import { insertIdOf } from './insert-id.ts';

/** An instance as a firewall log names it. */
export interface LoggedInstance {
  readonly project: string;
  readonly name: string;
  readonly region: string;
  readonly zone: string;
}

export interface LoggedNetwork {
  readonly project: string;
  readonly name: string;
  readonly subnet: string;
}

export interface FirewallRecord {
  readonly project: string;
  /** RFC 3339: when the packet met the rule. */
  readonly at: string;
  /** RFC 3339. */
  readonly receivedAt: string;
  readonly source: { readonly address: string; readonly port?: number };
  readonly destination: { readonly address: string; readonly port?: number };
  /** IANA protocol number. */
  readonly protocol: number;
  readonly disposition: 'ALLOWED' | 'DENIED';
  readonly rule: {
    readonly network: string;
    readonly name: string;
    /** Absent, as what follows, when the rule is not known any more. */
    readonly priority?: number;
    readonly direction?: 'INGRESS' | 'EGRESS';
    readonly sourceRanges?: readonly string[];
    readonly destinationRanges?: readonly string[];
    readonly sourceTags?: readonly string[];
    readonly targetTags?: readonly string[];
    readonly ports?: readonly { readonly protocol: string; readonly ranges: readonly string[] }[];
  };
  /** The instance at which the rule was judged. */
  readonly instance?: LoggedInstance;
  readonly network: LoggedNetwork;
  /** The other end, when it is one of ours. */
  readonly remoteInstance?: LoggedInstance;
  readonly remoteNetwork?: LoggedNetwork;
  /** Region of the subnet. */
  readonly location: string;
}

/** An entry of VPC Firewall Rules Logging. */
export function firewallEntry(record: FirewallRecord): LogEntry {
  const { project, source, destination, network, instance, remoteInstance, remoteNetwork } = record;
  const jsonPayload = {
    connection: {
      src_ip: source.address,
      ...(source.port === undefined ? {} : { src_port: source.port }),
      dest_ip: destination.address,
      ...(destination.port === undefined ? {} : { dest_port: destination.port }),
      protocol: record.protocol,
    },
    disposition: record.disposition,
    rule_details: ruleDetails(record),
    ...(instance === undefined ? {} : { instance: instanceFields(instance) }),
    vpc: networkFields(network),
    ...(remoteInstance === undefined ? {} : { remote_instance: instanceFields(remoteInstance) }),
    ...(remoteNetwork === undefined ? {} : { remote_vpc: networkFields(remoteNetwork) }),
  };
  return {
    insertId: insertIdOf([record.at, jsonPayload]),
    logName: logNameOf(project, logIds.firewall),
    resource: {
      type: 'gce_subnetwork',
      labels: { project_id: project, location: record.location, subnetwork_name: network.subnet },
    },
    timestamp: record.at,
    receiveTimestamp: record.receivedAt,
    jsonPayload,
  };
}

function ruleDetails({ rule, disposition }: FirewallRecord): Readonly<Record<string, unknown>> {
  const { sourceRanges, destinationRanges, sourceTags, targetTags, ports } = rule;
  return {
    reference: `network:${rule.network}/firewall:${rule.name}`,
    ...(rule.priority === undefined ? {} : { priority: rule.priority }),
    action: disposition === 'ALLOWED' ? 'ALLOW' : 'DENY',
    ...(rule.direction === undefined ? {} : { direction: rule.direction }),
    ...(sourceRanges === undefined ? {} : { source_range: sourceRanges }),
    ...(destinationRanges === undefined ? {} : { destination_range: destinationRanges }),
    ...(sourceTags === undefined ? {} : { source_tag: sourceTags }),
    ...(targetTags === undefined ? {} : { target_tag: targetTags }),
    ...(ports === undefined
      ? {}
      : {
          ip_port_info: ports.map(({ protocol, ranges }) => ({
            ip_protocol: protocol.toUpperCase(),
            ...(ranges.length === 0 ? {} : { port_range: ranges }),
          })),
        }),
  };
}

const instanceFields = (it: LoggedInstance): Readonly<Record<string, string>> => ({
  project_id: it.project,
  vm_name: it.name,
  region: it.region,
  zone: it.zone,
});

const networkFields = (it: LoggedNetwork): Readonly<Record<string, string>> => ({
  project_id: it.project,
  vpc_name: it.name,
  subnetwork_name: it.subnet,
});
