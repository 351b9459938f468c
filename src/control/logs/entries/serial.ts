import { type LogEntry, logIds, logNameOf } from '#core/log.ts';
import { insertIdOf } from './insert-id.ts';

export interface SerialLine {
  readonly project: string;
  readonly zone: string;
  readonly instance: string;
  /** The instance's numeric id, in decimal. */
  readonly instanceId: string;
  /** RFC 3339. */
  readonly at: string;
  /** Number of the line since the console was opened: it keeps equal lines apart. */
  readonly line: number;
  readonly text: string;
}

/** A line of an instance's serial console. */
export function serialEntry(line: SerialLine): LogEntry {
  const { project, zone, instance, instanceId, at } = line;
  return {
    insertId: insertIdOf([instanceId, line.line, at]),
    logName: logNameOf(project, logIds.serial),
    resource: { type: 'gce_instance', labels: { project_id: project, zone, instance_id: instanceId } },
    timestamp: at,
    receiveTimestamp: at,
    labels: { 'compute.googleapis.com/resource_name': instance },
    textPayload: line.text,
  };
}
