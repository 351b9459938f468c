import type { GroupStatus } from '#control/groups/status.ts';
import { eventually, type TestDeployment } from './deployment.ts';

/** What a test sees of an instance group of its deployment. */
export interface WatchedGroup {
  status(): Promise<GroupStatus>;
  /** Names of its hosts, sorted. */
  names(): Promise<string[]>;
  /** Waits until every host is as it should be and in service. */
  stable(seconds?: number): Promise<GroupStatus>;
}

export function watchedGroup(lab: TestDeployment, project: string, name: string): WatchedGroup {
  const path = `/v1/projects/${project}/instanceGroups/${name}/instances`;
  const status = (): Promise<GroupStatus> => lab.client.get<GroupStatus>(path);
  return {
    status,
    names: async () => (await status()).items.map((it) => it.name),
    stable: (seconds = 120) => eventually(status, (it) => it.stable, seconds),
  };
}
