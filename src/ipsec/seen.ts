import { listAt, sectionAt, textAt, type ViciMessage } from '#engines/strongswan/vici.ts';

/** A pair of networks that is up, as charon counts it. */
export interface SeenChild {
  readonly name: string;
  readonly id: string;
  readonly state: string;
  readonly seconds: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly algorithms: string;
}

/** A conversation with a peer. */
export interface SeenAgreement {
  readonly connection: string;
  readonly id: string;
  readonly state: string;
  readonly seconds: number;
  readonly address: string;
  readonly identity: string;
  readonly initiator: boolean;
  readonly behindNat: boolean;
  readonly algorithms: string;
  readonly children: readonly SeenChild[];
}

const numberAt = (message: ViciMessage, key: string): number => Number(textAt(message, key)) || 0;

const sized = (it: ViciMessage, algorithm: string, size: string): string =>
  [textAt(it, algorithm), textAt(it, size)].filter((one) => one !== '').join('_');

const joined = (parts: readonly string[]): string => parts.filter((it) => it !== '').join('/');

/** One event `list-sa` holds one conversation, or several under their names. */
export const agreementsIn = (message: ViciMessage): SeenAgreement[] =>
  Object.keys(message).map((connection): SeenAgreement => {
    const it = sectionAt(message, connection);
    const children = sectionAt(it, 'child-sas');
    return {
      connection,
      id: textAt(it, 'uniqueid'),
      state: textAt(it, 'state'),
      seconds: numberAt(it, 'established'),
      address: textAt(it, 'remote-host'),
      identity: textAt(it, 'remote-id'),
      initiator: textAt(it, 'initiator') === 'yes',
      behindNat: textAt(it, 'nat-remote') === 'yes' || textAt(it, 'nat-local') === 'yes',
      algorithms: joined([
        sized(it, 'encr-alg', 'encr-keysize'),
        textAt(it, 'integ-alg'),
        textAt(it, 'prf-alg'),
        textAt(it, 'dh-group'),
      ]),
      children: Object.keys(children).map((key) => childIn(sectionAt(children, key))),
    };
  });

const childIn = (it: ViciMessage): SeenChild => ({
  name: textAt(it, 'name'),
  id: textAt(it, 'uniqueid'),
  state: textAt(it, 'state'),
  seconds: numberAt(it, 'install-time'),
  bytesIn: numberAt(it, 'bytes-in'),
  bytesOut: numberAt(it, 'bytes-out'),
  packetsIn: numberAt(it, 'packets-in'),
  packetsOut: numberAt(it, 'packets-out'),
  algorithms: joined([sized(it, 'encr-alg', 'encr-keysize'), textAt(it, 'integ-alg'), textAt(it, 'dh-group')]),
});

/** The networks that a pair agreed on. */
export const networksIn = (child: ViciMessage): readonly [readonly string[], readonly string[]] => [
  listAt(child, 'local-ts'),
  listAt(child, 'remote-ts'),
];
