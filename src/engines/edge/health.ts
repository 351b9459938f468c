import { askSocket } from '../asking.ts';
import { type EdgeHealth, HEALTH_PATH } from './paths.ts';

/** Asks the edge service how it is. Rejects when it does not answer within two seconds. */
export const healthAt = async (socketPath: string): Promise<EdgeHealth> =>
  JSON.parse((await askSocket(socketPath, { path: HEALTH_PATH, longest: 1_000_000 })).body) as EdgeHealth;
