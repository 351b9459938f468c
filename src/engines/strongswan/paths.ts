import { shortName } from '#lib/hash.ts';

/** Where the files of one gateway's tunnels stand. */
export interface IpsecPaths {
  /** Root's, and the group of the tunnels' user may look in. */
  readonly folder: string;
  readonly config: string;
  /** What the keeper reads: with secrets. */
  readonly wanted: string;
  /** Hash of the certificates that it was made of. */
  readonly certificates: string;
  /** The keeper's and charon's own; sockets have short paths, whatever the gateway's name is. */
  readonly sockets: string;
  readonly vici: string;
  readonly keeper: string;
  /** What the keeper has told charon, so that another keeper knows it. */
  readonly loaded: string;
  /** Lines of JSON: what happened to tunnels. */
  readonly events: string;
}

export function ipsecPaths(places: { readonly run: string; readonly state: string }, namespace: string): IpsecPaths {
  const folder = `${places.run}/ipsec/${namespace}`;
  const sockets = `${places.run}/ipsec/${shortName(`ipsec ${namespace}`, 10)}`;
  return {
    folder,
    config: `${folder}/strongswan.conf`,
    wanted: `${folder}/wanted.json`,
    certificates: `${folder}/certificates`,
    sockets,
    vici: `${sockets}/vici`,
    keeper: `${sockets}/keeper`,
    loaded: `${sockets}/loaded.json`,
    events: `${places.state}/events/ipsec/${namespace}.jsonl`,
  };
}
