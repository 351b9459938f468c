import { once } from 'node:events';
import { connect } from 'node:tls';
import { type Door, ENROL, EnrolAnswer, type EnrolRequest, fingerprintOf } from '#core/joining.ts';
import { asProblem, Problem } from '#core/problem.ts';

/** Milliseconds. */
const PATIENCE = 10_000;

export interface Enrolling {
  readonly door: Door;
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly certificate: string;
}

type Refused = Extract<EnrolAnswer, { type: 'refused' }>;

/** Tells control that this machine comes or goes. Throws PERMISSION_DENIED when it is refused, HOST_UNREACHABLE without an answer. */
export async function enrol(
  { door, key, certificate: cert }: Enrolling,
  request: EnrolRequest,
): Promise<Exclude<EnrolAnswer, Refused>> {
  const at = `${door.address}:${door.port}`;
  const answer = await ask({ door, key, certificate: cert }, request).catch((cause: unknown) => {
    throw new Problem('HOST_UNREACHABLE', {
      at,
      message: `control does not answer: ${asProblem(cause).message}`,
      fix: `Let this machine reach TCP ${at}, and control run there.`,
      cause,
    });
  });
  if (answer.type !== 'refused') return answer;
  throw new Problem('PERMISSION_DENIED', { at, message: answer.message, fix: answer.fix });
}

async function ask({ door, key, certificate: cert }: Enrolling, request: EnrolRequest): Promise<EnrolAnswer> {
  const socket = connect({
    ...{ host: door.address, port: door.port, key, cert, minVersion: 'TLSv1.3', ALPNProtocols: [ENROL] },
    // Known by its fingerprint, see below; no authority has signed it.
    rejectUnauthorized: false,
  });
  socket.setTimeout(PATIENCE, () => socket.destroy(new Error('no answer in time')));
  try {
    await once(socket, 'secureConnect');
    const theirs = socket.getPeerX509Certificate();
    // Before a word is said: a token is for nobody else.
    if (theirs === undefined || fingerprintOf(theirs.raw) !== door.fingerprint)
      throw new RangeError('somebody else answers there: it is not the certificate that the token named');
    socket.setEncoding('utf8');
    socket.write(`${JSON.stringify(request)}\n`);
    let text = '';
    for await (const chunk of socket) text += chunk as string;
    return EnrolAnswer.parse(JSON.parse(text));
  } finally {
    socket.destroy();
  }
}
