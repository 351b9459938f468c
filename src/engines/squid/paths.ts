/** Where the URL filter of one gateway stands. `run` and `state` are folders of the machine. */
export interface SquidPaths {
  /** Root's, readable by squid. */
  readonly folder: string;
  readonly config: string;
  /** Certificate that squid wants to have and shows to nobody. */
  readonly certificate: string;
  readonly pages: string;
  readonly policy: string;
  /** Compiled lists, under names that tell their content. */
  readonly lists: string;
  /** The only folder that squid's user may write into. */
  readonly own: string;
  /** What the decision program says about itself. */
  readonly status: string;
  /** One JSON object for each request and connection, and what squid itself has to say. */
  readonly log: string;
}

export function squidPaths(
  places: { readonly run: string; readonly state: string },
  { namespace }: { readonly namespace: string },
): SquidPaths {
  const folder = `${places.run}/gateway/${namespace}/squid`;
  return {
    folder,
    config: `${folder}/squid.conf`,
    certificate: `${folder}/tls.pem`,
    pages: `${folder}/pages`,
    policy: `${folder}/policy.json`,
    lists: `${folder}/lists`,
    own: `${folder}/own`,
    status: `${folder}/own/status.json`,
    log: `${places.state}/events/url-filter/${namespace}.jsonl`,
  };
}
