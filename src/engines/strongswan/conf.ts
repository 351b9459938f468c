import type { Kernel } from './input.ts';
import type { IpsecPaths } from './paths.ts';

/** Nothing that reads files of its own, fetches anything, or speaks to another program. */
const plugins = [
  ...['random', 'nonce', 'openssl', 'kdf', 'x509', 'pem', 'revocation', 'constraints', 'pubkey', 'pkcs1', 'pkcs8'],
  ...['aes', 'sha2', 'hmac', 'gcm', 'curve25519', 'chapoly'],
];

/** Settings of one charon. Connections and secrets come by VICI, never from a file. */
export const renderConf = (kernel: Kernel, paths: IpsecPaths, user: string): string => `charon-systemd {
  user = ${user}
  group = ${user}
  load = ${[...plugins, ...(kernel === 'libipsec' ? ['kernel-libipsec'] : []), 'kernel-netlink', 'socket-default', 'vici'].join(' ')}
  install_virtual_ip = no
  # A peer is dead twenty seconds after it was first asked whether it lives.
  retransmit_timeout = 1.5
  retransmit_base = 1.5
  retransmit_tries = 4
  keep_alive = 20
  make_before_break = yes
  # Strangers: a cookie first, then no more than these.
  cookie_threshold = 10
  block_threshold = 5
  init_limit_half_open = 200
  journal {
    default = -1
  }
  filelog {
    stderr {
      default = 0
      flush_line = yes
    }
  }
  plugins {
    vici {
      socket = unix://${paths.vici}
    }
  }
}
`;
