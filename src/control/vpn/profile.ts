import { type SslVpnServer, serverName } from '#kinds/ssl-vpn-server/served.ts';

/** What a profile holds beside what was declared. PEM. */
export interface ProfileParts {
  readonly server: SslVpnServer;
  /** Name or address of the server. */
  readonly address: string;
  readonly authority: string;
  readonly tlsCrypt: string;
  /** Of the person; none: the profile is for whoever has a name and a password. */
  readonly personal?: { readonly certificate: string; readonly privateKey: string };
  /** Whose it is, for people. */
  readonly email?: string;
  /** Whether the client asks for a code of an authenticator. */
  readonly code: boolean;
}

/** Seconds until a client tries the next way in. */
const NEXT_WAY = 10;

/** One file that a stock OpenVPN client takes as it is: everything stands in it but the password. */
export function profileText({ server, address, authority, tlsCrypt, personal, email, code }: ProfileParts): string {
  const { spec, project, name } = server;
  const remotes = (['udp', 'tcp'] as const).flatMap((it) => {
    const listener = spec[it];
    return listener === undefined ? [] : [`remote ${address} ${listener.port} ${it}`];
  });
  const lines = [
    `# SSL VPN ${name} of ${project}${email === undefined ? '' : `, for ${email}`}`,
    'client',
    'dev tun',
    ...remotes,
    `server-poll-timeout ${NEXT_WAY}`,
    'connect-retry 1 10',
    'resolv-retry infinite',
    'nobind',
    'persist-key',
    'persist-tun',
    'auth-user-pass',
    ...(code ? ['static-challenge "Code of your authenticator app" 1'] : []),
    'remote-cert-tls server',
    `verify-x509-name "${serverName(server)}" name`,
    'tls-version-min 1.2',
    `data-ciphers ${spec.dataCiphers.join(':')}`,
    'auth SHA256',
    'verb 3',
    ...inline('ca', authority),
    ...(personal === undefined ? [] : [...inline('cert', personal.certificate), ...inline('key', personal.privateKey)]),
    ...inline('tls-crypt-v2', tlsCrypt),
  ];
  return `${lines.join('\n')}\n`;
}

const inline = (tag: string, text: string): string[] => [`<${tag}>`, text.trim(), `</${tag}>`];
