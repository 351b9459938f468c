/** What is known of one request when it is decided about. */
export interface Facts {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Lower case, without a port. */
  readonly host: string;
  /** Decoded; empty for tunnels. */
  readonly path: string;
  /** The client's address. */
  readonly ip: string;
  /** Where a tunnel leads. */
  readonly destination?: { readonly ip: string; readonly port: number };
  /** Claims of the sign-in. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** How somebody signed in: RFC 8176 values such as `pwd`, `otp`, `hwk`. */
  readonly methods: readonly string[];
  /** What the device has shown on this very connection, if that counts. */
  readonly device?: { readonly certificate: DeviceCertificate };
}

/** A certificate whose key the client has, that an authority of the site issued, and that is neither over nor revoked. */
export interface DeviceCertificate {
  /** Name of the certificate authority's resource. */
  readonly authority: string;
  /** CN of its subject; empty: it has none. */
  readonly commonName: string;
  /** Hexadecimal, upper case, as `vauban certificates list` shows it. */
  readonly serial: string;
  /** SHA-256 of the certificate, hexadecimal, lower case. */
  readonly fingerprint: string;
}

/** Who asks. */
export type Subject = { readonly kind: 'nobody' } | Known;

export interface Known {
  readonly kind: 'person' | 'serviceAccount';
  /** Lower case. */
  readonly email: string;
  /** The organisation that vouches for the person. */
  readonly domain?: string;
  readonly groups: readonly string[];
}

/** What a decision can depend on besides who and where: it makes the cache's key and lifetime. */
export const reads = ['host', 'path', 'ip', 'time', 'destination', 'claims', 'methods', 'device'] as const;
export type Read = (typeof reads)[number];
