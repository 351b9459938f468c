import * as z from 'zod';

/** From the least to the gravest; the place plus one is the number that stores and filters use. */
export const severities = ['INFORMATIONAL', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'] as const;
export type Severity = (typeof severities)[number];

/** 1 (informational) to 5 (critical). */
export const rankOf = (severity: Severity): number => severities.indexOf(severity) + 1;

export const threatTypes = ['vulnerability', 'spyware', 'virus'] as const;
export type ThreatType = (typeof threatTypes)[number];

/** What a rule stands for. Threats keep the words that were in force when they were seen. */
export const ThreatDefinition = z.strictObject({
  threatId: z.string().describe('Number under which the threat is known; several signatures may share one.'),
  name: z.string().describe('What was seen, in words.'),
  severity: z.enum(severities).describe('How grave it is.'),
  type: z.enum(threatTypes).describe('Attack on a weakness, traffic of a compromised host, or malicious file.'),
  category: z.string().describe('Finer than the type, such as `code-execution`.'),
  cves: z.array(z.string()).describe('Known vulnerabilities that it uses.'),
  description: z.string().describe('What it means and what to do.'),
  references: z.array(z.string()).describe('Where to read more.'),
});
export type ThreatDefinition = z.infer<typeof ThreatDefinition>;

const End = z.strictObject({
  address: z.string().describe('IP address.'),
  port: z.int().min(0).max(65535).describe('Port; 0 where the protocol has none.'),
  instance: z.string().optional().describe('Instance that had the address when the threat was seen.'),
});
export type End = z.infer<typeof End>;

const Bytes = z.strictObject({
  base64: z.string().describe('The bytes.'),
  truncated: z.boolean().describe('Whether bytes beyond the limit were left out.'),
});
export type Bytes = z.infer<typeof Bytes>;

const Http = z.strictObject({
  method: z.string().optional().describe('Request method.'),
  host: z.string().optional().describe('Host that was asked for.'),
  userAgent: z.string().optional().describe('Program that asked, by its own words.'),
  status: z.int().min(0).max(999).optional().describe('Status of the answer.'),
});

const Requester = z.strictObject({
  address: z.string().describe('IP address of the client itself.'),
  principal: z.string().optional().describe('Who was signed in: the e-mail address.'),
  requestId: z.string().optional().describe('Id of the request, also in the log `requests`.'),
});
export type Requester = z.infer<typeof Requester>;

const Time = z.iso.datetime({ offset: true });

export const Threat = z
  .strictObject({
    id: z.string().describe('Unique; sorts by time.'),
    project: z.string().describe('Project of the endpoint.'),
    endpoint: z.string().describe('Endpoint that saw it.'),
    zone: z.string().describe('Zone of the endpoint; empty when a gateway saw it.'),
    network: z.string().describe('Network of the endpoint; empty when a gateway saw it.'),
    gateway: z.string().optional().describe('Gateway that saw it, in what crosses it; it is the endpoint, too.'),
    rule: z.string().optional().describe('Filter rule of the gateway that let the session in, as POLICY/RULE.'),
    ...ThreatDefinition.shape,
    signatureId: z.int().min(0).max(4_294_967_295).describe('Rule that matched.'),
    action: z.enum(['allowed', 'blocked']).describe('What the engine did with the packet.'),
    alertTime: Time.describe('When the first alert of the record came.'),
    firstSeen: Time.describe('Earliest alert in the record.'),
    lastSeen: Time.describe('Latest alert in the record, at most five seconds after the earliest.'),
    repeatCount: z.int().min(1).max(Number.MAX_SAFE_INTEGER).describe('Alerts that the record stands for.'),
    source: End.describe('Side that opened the session, also when the answer matched.'),
    destination: End.describe('Side that the session was opened to.'),
    ipProtocol: z.string().describe('`tcp`, `udp`, `icmp`.'),
    application: z.string().describe('Application of the session, such as `web-browsing`.'),
    direction: z.enum(['client-to-server', 'server-to-client']).describe('Which way the matching packet went.'),
    sessionId: z.string().describe('Session that the first alert belonged to.'),
    communityId: z.string().optional().describe('The same at both ends of a session and in other tools.'),
    transaction: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional().describe('Request within the session.'),
    seenAt: z.enum(['sent', 'received']).optional().describe('Which mirrored copy matched.'),
    twin: z.string().optional().describe('The same threat as the other mirrored copy showed it.'),
    folded: z.boolean().describe('Whether its twin stands for it in folded lists.'),
    uriOrFilename: z.string().describe('Last element of the path, or file name; may be empty.'),
    uri: z.string().optional().describe('Whole request target, raw.'),
    http: Http.optional().describe('The request, where it was one.'),
    client: Requester.optional().describe(
      'Who really asked, when the source is a load balancer of our own; who had signed in, when it is an address of the SSL VPN.',
    ),
    payload: Bytes.optional().describe('Inspected bytes. Only in the answer for a single threat.'),
    packet: Bytes.optional().describe('Packet that completed the match. Only in the answer for a single threat.'),
  })
  .meta({ id: 'Threat', title: 'Threat', description: 'A detected attack, malicious file or sign of compromise.' });
export type Threat = z.infer<typeof Threat>;

/** Which mirrored copy an interface of the endpoint receives: the sender's or the receiver's. */
export type Side = 'sent' | 'received';

/** An endpoint as threats name it. */
export interface EndpointName {
  readonly project: string;
  readonly zone: string;
  readonly network: string;
  readonly name: string;
}

/** Of a session that crosses a gateway: which one, and which rule (`POLICY/RULE`) let it in, while that is known. */
export interface Crossed {
  readonly gateway: string;
  readonly rule?: string;
}

/** One alert with everything that we know about it: what a threat is made of. */
export interface Sighting {
  readonly endpoint: EndpointName;
  readonly definition: ThreatDefinition;
  readonly signatureId: number;
  readonly action: 'allowed' | 'blocked';
  /** Microseconds since 1970. */
  readonly at: number;
  readonly source: End;
  readonly destination: End;
  readonly ipProtocol: string;
  readonly application: string;
  readonly direction: 'client-to-server' | 'server-to-client';
  readonly sessionId: string;
  readonly communityId: string | undefined;
  readonly transaction: number | undefined;
  readonly seenAt: Side | undefined;
  readonly uriOrFilename: string;
  readonly uri: string | undefined;
  readonly http: z.infer<typeof Http> | undefined;
  readonly client: Requester | undefined;
  /** Where a gateway saw it. */
  readonly crossed?: Crossed | undefined;
  readonly payload: Bytes | undefined;
  readonly packet: Bytes | undefined;
}

/** A session that ended, for the traffic log. */
export const Traffic = z
  .strictObject({
    id: z.string().describe('Unique; sorts by the time when the session was logged.'),
    project: z.string().describe('Project of the endpoint.'),
    endpoint: z.string().describe('Endpoint that saw it.'),
    zone: z.string().describe('Zone of the endpoint.'),
    network: z.string().describe('Network of the endpoint.'),
    startTime: Time.describe('First packet.'),
    elapsedSeconds: z.number().min(0).describe('From the first packet to the last.'),
    source: End.describe('Side that opened the session.'),
    destination: End.describe('Side that the session was opened to.'),
    ipProtocol: z.string().describe('`tcp`, `udp`, `icmp`.'),
    application: z.string().describe('Application of the session.'),
    sessionId: z.string().describe('The same as in the threats of the session.'),
    communityId: z.string().optional().describe('The same at both ends of a session and in other tools.'),
    seenAt: z.enum(['sent', 'received']).optional().describe('Which mirrored copy it was.'),
    repeatCount: z.int().min(1).max(1).describe('Sessions in the record.'),
    totalBytes: z.int().min(0).max(Number.MAX_SAFE_INTEGER).describe('Bytes of both directions.'),
    totalPackets: z.int().min(0).max(Number.MAX_SAFE_INTEGER).describe('Packets of both directions.'),
  })
  .meta({ id: 'Traffic', title: 'Traffic', description: 'A session that an endpoint saw.' });
export type Traffic = z.infer<typeof Traffic>;

/** A session before it has an id. */
export interface Session {
  /** Absent until a store has given it one. */
  number?: number;
  readonly endpoint: EndpointName;
  /** Microseconds since 1970, when it was logged. */
  readonly at: number;
  readonly start: number;
  readonly end: number;
  readonly source: End;
  readonly destination: End;
  readonly ipProtocol: string;
  readonly application: string;
  readonly sessionId: string;
  readonly communityId: string | undefined;
  readonly seenAt: Side | undefined;
  readonly bytes: number;
  readonly packets: number;
}

/** A threat's number is its time in microseconds, moved on until it is free; its id is that number in 14 hex digits. */
export const idOf = (number: number): string => number.toString(16).padStart(14, '0');

/** Undefined when the text is no id. */
export const numberOf = (id: string): number | undefined =>
  /^0[0-9a-f]{13}$/.test(id) ? Number.parseInt(id, 16) : undefined;

/** RFC 3339 with microseconds, UTC. */
export function timeText(microseconds: number): string {
  const milliseconds = Math.floor(microseconds / 1000);
  const rest = String(microseconds - milliseconds * 1000).padStart(3, '0');
  return `${new Date(milliseconds).toISOString().slice(0, -1)}${rest}Z`;
}
