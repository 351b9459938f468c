/**
 * Rows of an objects database as Stormshield's firewalls write and read it ("Structure of an objects database in CSV
 * format" in their manual). The first two fields of a row are its type and the name; a line that begins with `#type`
 * names the fields of the rows below it. That manual has no rows for routers and times: ours have the fields of the
 * commands that make them there (`CONFIG OBJECT ROUTER NEW`, `CONFIG OBJECT TIME NEW`).
 */
export const columns = {
  host: ['ip', 'ipv6', 'resolve', 'mac', 'comment'],
  range: ['begin', 'end', 'beginv6', 'endv6', 'comment'],
  network: ['ip', 'mask', 'prefixlen', 'ipv6', 'prefixlenv6', 'comment'],
  group: ['elements', 'comment'],
  service: ['proto', 'port', 'toport', 'comment'],
  protocol: ['protonumber', 'comment'],
  servicegroup: ['elements', 'comment'],
  router: [
    ...['gateways', 'backups', 'monitor', 'port', 'tries', 'wait', 'frequency'],
    ...['gatewaythreshold', 'loadbalancing', 'failback', 'onfailpolicy', 'comment'],
  ],
  time: ['time', 'weekday', 'yearday', 'date', 'timezone', 'comment'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type RowType = keyof typeof columns;

export const isRowType = (text: string): text is RowType => Object.hasOwn(columns, text);

/** Numbers of the protocols that have a name here. */
export const protocolNumbers: Readonly<Record<string, number>> = {
  icmp: 1,
  ipip: 4,
  tcp: 6,
  udp: 17,
  esp: 50,
  ah: 51,
  sctp: 132,
};

/** What a spreadsheet would take for a formula, behind apostrophes or not. */
const FORMULA = /^'*[=+\-@\t\r]/;

/** A comment that no spreadsheet runs; {@link bare} gives it back. */
export const guarded = (text: string): string => (FORMULA.test(text) ? `'${text}` : text);
export const bare = (text: string): string =>
  text.startsWith("'") && FORMULA.test(text.slice(1)) ? text.slice(1) : text;
