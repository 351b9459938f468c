import { canonical, shortName } from '#lib/hash.ts';
import type { Destination, Frontend } from './input.ts';

/** Names of sections. Names of resources have no dot, so nothing that we make up can be one of them. */

export const frontendName = ({ name }: Pick<Frontend, 'name'>): string => `front.${name}`;

/** The same servers once more, for requests about which the edge service must be asked first. */
export const askingName = (service: string): string => `${service}.ask`;

/** Answers what no rule leads anywhere. */
export const NOT_FOUND = 'answer.404';

/** Name of the backend that a destination stands for: it is what maps lead to. */
export const backendOf = (to: Destination): string =>
  'service' in to ? to.service : `redirect.${shortName(canonical(to.redirect), 12)}`;

/** One word of the configuration, whatever is in it. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Text that stands for itself in a log-format. */
export const plain = (text: string): string => text.replaceAll('%', '%%');
