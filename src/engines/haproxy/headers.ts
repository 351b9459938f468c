import type { BackendService } from './input.ts';
import { plain, quoted } from './names.ts';

/** Variables of custom headers, under the cloud's names, and what the engine knows them by. */
const variables: Readonly<Record<string, string>> = {
  client_ip_address: 'src',
  client_port: 'src_port',
  client_protocol: 'var(txn.protocol)',
  client_encrypted: 'ssl_fc,iif(true,false)',
  origin_request_header: 'var(txn.origin)',
  server_ip_address: 'dst',
  server_port: 'dst_port',
  tls_cipher_suite: 'ssl_fc_cipher',
  tls_sni_hostname: 'ssl_fc_sni',
  tls_version: 'ssl_fc_protocol',
};

export const headerVariables: readonly string[] = Object.keys(variables);

const pattern = /\{([a-z_]+)\}/g;

/** The variables that a value names, known or not. */
export const variablesIn = (value: string): readonly string[] =>
  [...value.matchAll(pattern)].map(([, name = '']) => name);

/** A value of a custom header as the engine's log-format; whatever is no variable stands for itself. */
export const headerFormat = (value: string): string =>
  plain(value).replace(pattern, (whole, name: string) => {
    const sample = variables[name];
    return sample === undefined ? whole : `%[${sample}]`;
  });

/** Custom headers of a service. What they need of the request is kept before anything is sent on. */
export function headerLines(service: BackendService): readonly string[] {
  const { requestHeaders, responseHeaders } = service;
  const used = new Set([...requestHeaders, ...responseHeaders].flatMap((it) => variablesIn(it.value)));
  return [
    ...(used.has('client_protocol') ? ["http-request set-var-fmt(txn.protocol) 'HTTP/%[req.ver]'"] : []),
    ...(used.has('origin_request_header') ? ['http-request set-var(txn.origin) req.hdr(origin)'] : []),
    ...requestHeaders.map((it) => `http-request set-header ${quoted(it.name)} ${quoted(headerFormat(it.value))}`),
    ...responseHeaders.map((it) => `http-response set-header ${quoted(it.name)} ${quoted(headerFormat(it.value))}`),
  ];
}
