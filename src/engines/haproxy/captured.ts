/**
 * Request headers that are kept as they came: for the log, in this order, and for rules, which else would look for each of them
 * in all headers.
 */
export const captured = [
  { header: 'user-agent', length: 512 },
  { header: 'referer', length: 512 },
  { header: 'host', length: 255 },
  { header: 'x-cloud-trace-context', length: 80 },
  { header: 'upgrade', length: 16 },
] as const;

const keptOf = (header: (typeof captured)[number]['header']): string =>
  `capture.req.hdr(${captured.findIndex((it) => it.header === header)})`;

/** The trace and the protocol that a request came with, as they were before anything was done to it. */
export const tracedAt = keptOf('x-cloud-trace-context');
export const upgradedTo = keptOf('upgrade');

export const WEBSOCKET = `{ ${upgradedTo} -m str -i websocket }`;

/** The host that is asked for, without a port: of a request, and as it was kept for its response. */
export const HOST_NAME = 'req.hdr(host),host_only,lower';
export const KEPT_HOST_NAME = `${keptOf('host')},host_only,lower`;
