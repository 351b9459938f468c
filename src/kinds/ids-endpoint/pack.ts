import { pack } from '../../../rules/index.ts';

/** Version of our own rule pack: an endpoint's artifact changes when the pack does. */
export const packVersion: string = pack.version;
