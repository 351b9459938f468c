/** WebSocket close codes of the relay, by the names that the cloud's clients know them under. */
export const closeCodes = {
  normal: 1000,
  unknownError: 4000,
  sidUnknown: 4001,
  sidInUse: 4002,
  failedToConnect: 4003,
  /** The only one after which a client comes back with its session id. */
  reauthenticate: 4004,
  badAck: 4005,
  invalidAck: 4006,
  invalidOpcode: 4007,
  invalidTag: 4008,
  writeFailed: 4009,
  readFailed: 4010,
  invalidData: 4013,
  notAuthorized: 4033,
  lookupFailed: 4047,
  lookupFailedReconnect: 4051,
} as const;

export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes];

/** Why a connection of the relay ends. */
export interface Closing {
  readonly code: number;
  /** For the person; at most 123 bytes of it travel. */
  readonly reason: string;
}

/** The other side broke the protocol; the connection is to be closed with this code. */
export class RelayViolation extends Error implements Closing {
  override readonly name = 'RelayViolation';
  readonly code: CloseCode;
  readonly reason: string;

  constructor(code: CloseCode, reason: string) {
    super(reason);
    this.code = code;
    this.reason = reason;
  }
}

/** Bytes of a reason in a close frame (RFC 6455, 5.5). */
const REASON_LIMIT = 123;

/** Cut to what a close frame holds, never inside a character. */
export function reasonText(reason: string): string {
  let text = reason.slice(0, REASON_LIMIT);
  while (Buffer.byteLength(text) > REASON_LIMIT) text = text.slice(0, -1);
  return text.replace(/[\uD800-\uDBFF]$/, '');
}
