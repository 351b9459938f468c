import type { ClientEvent } from './management.ts';
import { sentIn } from './password.ts';

/** What a client shows when it wants to come in, or to stay. */
export interface Attempt {
  readonly username: string;
  /** Openvpn has found a token of its own to be good: only rights are left to be asked. */
  readonly byToken: boolean;
  /** A token that is none, or is over. */
  readonly staleToken: boolean;
  /** Undefined: what was sent cannot be read. */
  readonly password: string | undefined;
  readonly code: string | undefined;
  /** Whose certificate it is; empty when it does not say. Undefined: there is none. */
  readonly certificate: string | undefined;
  readonly serial: string | undefined;
  readonly device: string | undefined;
  readonly ip: string;
  readonly port: string;
  readonly client: string | undefined;
}

export function attemptIn({ env }: ClientEvent): Attempt {
  const sent = sentIn(env.get('password') ?? '');
  const state = env.get('session_state') ?? 'Initial';
  const serial = env.get('tls_serial_hex_0')?.replaceAll(':', '').toLowerCase();
  const platform = [env.get('IV_PLAT'), env.get('IV_VER')].filter((it) => it !== undefined).join(' ');
  return {
    username: env.get('username') ?? '',
    byToken: state === 'Authenticated',
    staleToken: /^(Expired|Invalid|AuthenticatedEmptyUser|ExpiredEmptyUser)$/.test(state),
    password: sent?.password,
    code: sent?.code,
    certificate: serial === undefined ? undefined : (env.get('X509_0_emailAddress') ?? env.get('X509_0_CN') ?? ''),
    serial,
    device: env.get('session_id'),
    ip: env.get('trusted_ip') ?? env.get('untrusted_ip') ?? '',
    port: env.get('trusted_port') ?? env.get('untrusted_port') ?? '',
    client: platform === '' ? undefined : platform.slice(0, 100),
  };
}
