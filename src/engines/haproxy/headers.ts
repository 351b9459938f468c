import type { BackendService } from './input.ts';
import { plain, quoted } from './names.ts';

/**
 * Variables of custom headers, under the cloud's names, and what the engine knows them by. Of the cloud's variables about the
 * client's certificate those are missing that the engine cannot tell as the cloud does: alternative names, names as DER, chain.
 */
const variables: Readonly<Record<string, string>> = {
  client_cert_chain_verified: 'var(txn.cert_verified)',
  client_cert_error: 'var(txn.cert_error)',
  client_cert_leaf: 'var(txn.cert_leaf)',
  client_cert_present: 'ssl_c_used,iif(true,false)',
  client_cert_serial_number: 'ssl_c_serial,hex',
  client_cert_sha256_fingerprint: 'ssl_c_der,sha2(256),base64',
  client_cert_valid_not_after: 'var(txn.cert_after)',
  client_cert_valid_not_before: 'var(txn.cert_before)',
  client_ip_address: 'src',
  client_port: 'src_port',
  client_protocol: 'var(txn.protocol)',
  client_rtt_msec: 'fc_rtt(ms)',
  client_encrypted: 'ssl_fc,iif(true,false)',
  origin_request_header: 'var(txn.origin)',
  server_ip_address: 'dst',
  server_port: 'dst_port',
  tls_cipher_suite: 'ssl_fc_cipher',
  tls_sni_hostname: 'ssl_fc_sni',
  tls_version: 'ssl_fc_protocol',
};

export const headerVariables: readonly string[] = Object.keys(variables);

const pattern = /\{([a-z0-9_]+)\}/g;

/** The variables that a value names, known or not. */
export const variablesIn = (value: string): readonly string[] =>
  [...value.matchAll(pattern)].map(([, name = '']) => name);

/** A value of a custom header as the engine's log-format; whatever is no variable stands for itself. */
export const headerFormat = (value: string): string =>
  plain(value).replace(pattern, (whole, name: string) => {
    const sample = variables[name];
    return sample === undefined ? whole : `%[${sample}]`;
  });

/** RFC 3339, of the engine's `YYMMDDhhmmss`; it leaves the century out also where the certificate has it. */
const instantOf = (sample: string): string => {
  const part = (from: number) => `%[${sample},bytes(${from},2)]`;
  return `20${part(0)}-${part(2)}-${part(4)}T${part(6)}:${part(8)}:${part(10)}+00:00`;
};

/** The client has shown a certificate, and it is good; only where clients are asked for one. */
const VERIFIED = '{ var(sess.device) -m found }';

/** Rules that a variable needs before anything is sent on. */
const prepared: Readonly<Record<string, readonly string[]>> = {
  client_cert_chain_verified: [
    'http-request set-var(txn.cert_verified) str(false)',
    `http-request set-var(txn.cert_verified) str(true) if ${VERIFIED}`,
  ],
  client_cert_error: [
    'http-request set-var(txn.cert_error) str(client_cert_not_provided) unless { ssl_c_used }',
    `http-request set-var(txn.cert_error) str(client_cert_validation_failed) if { ssl_c_used } !${VERIFIED}`,
  ],
  // A byte sequence of RFC 9440.
  client_cert_leaf: [`http-request set-var-fmt(txn.cert_leaf) ':%[ssl_c_der,base64]:' if ${VERIFIED}`],
  client_cert_valid_not_after: [
    `http-request set-var-fmt(txn.cert_after) '${instantOf('ssl_c_notafter')}' if { ssl_c_used }`,
  ],
  client_cert_valid_not_before: [
    `http-request set-var-fmt(txn.cert_before) '${instantOf('ssl_c_notbefore')}' if { ssl_c_used }`,
  ],
  client_protocol: ["http-request set-var-fmt(txn.protocol) 'HTTP/%[req.ver]'"],
  origin_request_header: ['http-request set-var(txn.origin) req.hdr(origin)'],
};

/** Custom headers of a service. What they need of the request is kept before anything is sent on. */
export function headerLines(service: BackendService): readonly string[] {
  const { requestHeaders, responseHeaders } = service;
  const used = new Set([...requestHeaders, ...responseHeaders].flatMap((it) => variablesIn(it.value)));
  return [
    ...Object.entries(prepared).flatMap(([name, rules]) => (used.has(name) ? rules : [])),
    ...requestHeaders.map((it) => `http-request set-header ${quoted(it.name)} ${quoted(headerFormat(it.value))}`),
    ...responseHeaders.map((it) => `http-response set-header ${quoted(it.name)} ${quoted(headerFormat(it.value))}`),
  ];
}
