import type { FailureCode } from './status.ts';

/** One line of charon's log, as VICI tells it. */
export interface LogLine {
  /** Number of the conversation; empty when the line belongs to none. */
  readonly conversation: string;
  /** Name of the connection, once charon knows which one it is. */
  readonly connection: string;
  readonly text: string;
}

/** Why something failed, on the side that can know it. */
export interface Finding {
  readonly code: FailureCode;
  readonly message: string;
  readonly fix: string;
  /** Name of the connection; empty when charon found none that fits. */
  readonly connection: string;
  /** Who it is about, where that is known. */
  readonly address: string;
}

type Said = Pick<Finding, 'code' | 'message' | 'fix'>;

/** What was said before in the same conversation. */
interface Context {
  connection: string;
  address: string;
  /** How the peer calls itself, and us. */
  identities: { readonly local: string; readonly remote: string } | undefined;
  received: string;
  /** Whether something was found wrong with a certificate. */
  certificate: boolean;
  retransmits: number;
}

interface Pattern {
  readonly match: RegExp;
  readonly say: (found: readonly string[], context: Context) => Said | undefined;
}

const atPeer = 'Only the peer knows why: look into its log, or ask who runs it.';

const refused: Said = {
  code: 'refused-by-peer',
  message: 'the peer refused us: it does not say whether for the key, the certificate or an identity',
  fix: `${atPeer} It says which key did not fit, or which identity it looked for.`,
};

const proposalText = (list: string): string => list.replaceAll(/\b(IKE|ESP):/g, '').replaceAll('/', '-');

/** In the order in which they are tried. */
const patterns: readonly Pattern[] = [
  {
    match: /^tried \d+ shared keys? for '(.*)' - '(.*)', but MAC mismatched/,
    say: ([, local = '', remote = '']) => ({
      code: 'wrong-key',
      message: `the pre-shared key of the peer is not ours (we are ${local}, it is ${remote})`,
      fix: 'Give both sides the same key, without a space or line end around it.',
    }),
  },
  {
    match: /^no shared key found for '(.*)' - '(.*)'/,
    say: ([, local = '', remote = '']) => ({
      code: 'no-key',
      message: `there is no pre-shared key for ${remote} (we are ${local})`,
      fix: 'Identities on both sides must name each other: compare `localIdentity` and `peerIdentity`.',
    }),
  },
  {
    match: /^no matching peer config found/,
    say: (_, { identities }) => ({
      code: 'unknown-identity',
      message:
        identities === undefined
          ? 'the peer calls itself or us by an identity that is not expected'
          : `the peer calls itself ${identities.remote} and us ${identities.local}, and no tunnel expects that`,
      fix: 'Set `peerIdentity` and `localIdentity` to what the peer says, or the peer’s identities to what we expect.',
    }),
  },
  {
    match: /^constraint check failed: identity '(.*)' required/,
    say: ([, wanted = ''], { identities }) => ({
      code: 'wrong-identity',
      message: `the peer did not prove to be ${wanted}${identities === undefined ? '' : `, it says ${identities.remote}`}`,
      fix: 'Set `peerIdentity` to what the peer calls itself.',
    }),
  },
  {
    match: /^IDr? (?:payload )?'?(.*?)'? does not match to '(.*)'/,
    say: ([, is = '', wanted = '']) => ({
      code: 'wrong-identity',
      message: `the peer calls itself ${is}, ${wanted} is expected`,
      fix: 'Set `peerIdentity` to what the peer calls itself.',
    }),
  },
  {
    match: /^configured proposals: (.*)/,
    say: ([, ours = ''], { received }) => {
      if (received === '') return undefined;
      const what = received.startsWith('ESP') ? 'packets' : 'keys';
      return {
        code: 'proposals',
        message: `no algorithms for ${what} in common: the peer offers ${proposalText(received)}, we take ${proposalText(ours)}`,
        fix: 'Give both sides one offer in common: change the profile, or the peer.',
      };
    },
  },
  {
    match: /^traffic selectors (.*) === (.*) unacceptable/,
    say: ([, local = '', remote = '']) => ({
      code: 'networks',
      message: `the peer wants ${local} here and ${remote} there, which is no pair of this tunnel`,
      fix: 'Networks must be the same on both sides, each seen from its own.',
    }),
  },
  { match: /^received AUTHENTICATION_FAILED notify/, say: () => refused },
  {
    match: /^received NO_PROPOSAL_CHOSEN notify(.*)/,
    say: ([, rest = '']) => ({
      code: 'proposals-refused-by-peer',
      message: `the peer takes none of the algorithms that we offer for ${/CHILD_SA/.test(rest) ? 'packets' : 'keys'}`,
      fix: `${atPeer} Its log has both lists side by side; one offer must be in both.`,
    }),
  },
  {
    match: /^received TS_UNACCEPTABLE notify/,
    say: () => ({
      code: 'networks-refused-by-peer',
      message: 'the peer does not take our networks: it knows no such pair',
      fix: `${atPeer} Networks must be the same on both sides, each seen from its own.`,
    }),
  },
  {
    match: /^certificate was revoked on ([^,]*)/,
    say: ([, when = '']) => ({
      code: 'certificate-revoked',
      message: `the peer’s certificate was revoked on ${when}`,
      fix: 'Issue a new certificate for the peer.',
    }),
  },
  {
    match: /^(?:subject|issuer) certificate invalid \(valid from (.*) to (.*)\)/,
    say: ([, from = '', to = '']) => ({
      code: 'certificate-expired',
      message: `the peer’s certificate, or its authority’s, is good from ${from} to ${to}, and not now`,
      fix: 'Renew it, and compare the clocks of both sides.',
    }),
  },
  {
    match: /^(?:crl is stale|ocsp response is stale)(.*)/,
    say: () => ({
      code: 'revocation-unknown',
      message: 'the list of revoked certificates is too old to go by',
      fix: 'Have the authority issue a new list, and compare the clocks.',
    }),
  },
  {
    match: /^constraint check failed: RULE_CRL_VALIDATION is (.*), but requires/,
    say: ([, state = '']) => ({
      code: state === 'REVOKED' ? 'certificate-revoked' : 'revocation-unknown',
      message:
        state === 'REVOKED'
          ? 'the peer’s certificate is revoked'
          : 'nobody can tell whether the peer’s certificate is revoked',
      fix:
        state === 'REVOKED'
          ? 'Issue a new certificate for the peer.'
          : 'Have the authority issue a list of what is revoked.',
    }),
  },
  {
    match:
      /^(?:no trusted \S+ public key found for|no issuer certificate found for|constraint check failed: peer not authenticated by CA) '?(.*?)'?$/,
    say: ([, who = '']) => ({
      code: 'certificate-foreign',
      message: `nobody whom we trust vouches for ${who}`,
      fix: 'The peer needs a certificate of the authority that the tunnel names.',
    }),
  },
  {
    match: /^(?:giving up after|retransmit [2-9]\d* of request|peer not responding)/,
    say: (found, context) => {
      context.retransmits++;
      return (
        (found[0] !== undefined && {
          code: 'silent' as const,
          message: `the peer does not answer${context.address === '' ? '' : ` at ${context.address}`}`,
          fix: 'It is down, its address is another one, or something on the way drops UDP ports 500 and 4500. Ping it; ask the peer whether our packets come in.',
        }) ||
        undefined
      );
    },
  },
  {
    match: /^(?:error writing to socket|no route found to reach|unable to resolve)(.*)/,
    say: ([all = '']) => ({
      code: 'unreachable',
      message: `nothing can be sent to the peer: ${all}`,
      fix: 'Look at the routes and the addresses of the gateway.',
    }),
  },
  {
    match: /^(?:unable to (?:install|add) |failed to install |querying SAD entry failed)(.*)/,
    say: ([all = '']) => ({
      code: 'system',
      message: `the machine did not take the tunnel: ${all}`,
      fix: '`vauban doctor` shows which part of the machine protects packets.',
    }),
  },
];

/** Conversations that are remembered; a flood of strangers must cost nothing. */
const MOST = 500;

/**
 * Reads the log line by line and says why something failed. A line alone often does not tell of whom it speaks, so what
 * was said before in the same conversation is remembered for a while.
 */
export function listener(): (line: LogLine) => Finding | undefined {
  const contexts = new Map<string, Context>();
  const contextOf = (id: string): Context => {
    const found = contexts.get(id) ?? {
      connection: '',
      address: '',
      identities: undefined,
      received: '',
      certificate: false,
      retransmits: 0,
    };
    contexts.delete(id);
    contexts.set(id, found);
    const [oldest] = contexts.keys();
    if (contexts.size > MOST && oldest !== undefined) contexts.delete(oldest);
    return found;
  };
  return ({ conversation, connection, text }) => {
    const context = contextOf(conversation);
    if (connection !== '' && connection !== '(unnamed)') context.connection = connection;
    notice(text, context);
    for (const { match, say } of patterns) {
      const found = match.exec(text);
      const said = found === null ? undefined : say(found, context);
      // That nobody vouches for a certificate is what is said in the end of one that is revoked, too.
      if (said?.code === 'certificate-foreign' && context.certificate) return undefined;
      if (said?.code.startsWith('certificate-') || said?.code === 'revocation-unknown') context.certificate = true;
      if (said !== undefined) return { ...said, connection: context.connection, address: context.address };
    }
    return undefined;
  };
}

function notice(text: string, context: Context): void {
  const [, begun] = /^(\S+) is initiating an? .*IKE_SA/.exec(text) ?? [];
  const [, to] = /^initiating IKE_SA \S+ to (\S+)/.exec(text) ?? [];
  const [, local, remoteAddress, remote] =
    /^looking for peer configs matching \S*?\[(.*)\]\.\.\.(\S+?)\[(.*)\]$/.exec(text) ?? [];
  const [, received] = /^received proposals: (.*)/.exec(text) ?? [];
  const address = begun ?? to ?? remoteAddress;
  if (address !== undefined) context.address = address;
  if (local !== undefined && remote !== undefined) context.identities = { local, remote };
  if (received !== undefined) context.received = received;
}
