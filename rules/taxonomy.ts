/** How threats are named: severity, type and category, and how an engine's class of rule becomes them. Data. */

export const severities = ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'INFORMATIONAL'] as const;
export type Severity = (typeof severities)[number];

export const threatTypes = ['vulnerability', 'spyware', 'virus'] as const;
export type ThreatType = (typeof threatTypes)[number];

/** Categories with the words that classification.config shows. */
export const categories = {
  backdoor: 'Backdoor or reverse shell',
  'brute-force': 'Repeated guessing of credentials',
  'code-execution': 'Execution of code or commands',
  'command-and-control': 'Talk with a command and control server',
  cryptominer: 'Mining of crypto-currency',
  'data-theft': 'Data leaves in a hidden way',
  dns: 'Suspicious name resolution',
  dos: 'Denial of service',
  hacktool: 'Tool that attackers use',
  'info-leak': 'Disclosure of information',
  'insecure-credentials': 'Unprotected or default credentials',
  overflow: 'Memory corruption',
  'protocol-anomaly': 'Violation of a protocol',
  scan: 'Reconnaissance',
  'sql-injection': 'Injection into a database query',
  virus: 'Malicious file',
  webshell: 'Web shell',
  xss: 'Cross-site scripting',
} as const;
export type Category = keyof typeof categories;

/** Where a class of rule leads. */
export interface ClassTarget {
  readonly severity: Severity;
  readonly type: ThreatType;
  readonly category: Category;
}

/** Suricata's priority of a severity: 1 (critical) to 5 (informational); EVE calls it `alert.severity`. */
export const priorityOf = (severity: Severity): number => severities.indexOf(severity) + 1;

/** The class of a rule of our own: `code-execution-critical`. */
export const classOf = (category: Category, severity: Severity): string => `${category}-${severity.toLowerCase()}`;

const vulnerability = (severity: Severity, category: Category): ClassTarget => ({
  severity,
  type: 'vulnerability',
  category,
});
const spyware = (severity: Severity, category: Category): ClassTarget => ({ severity, type: 'spyware', category });

/** Class names that imported rule sets and a site's own rules use (the customary ones of Snort and Suricata). */
export const foreignClasses: Readonly<Record<string, ClassTarget>> = {
  'attempted-admin': vulnerability('HIGH', 'code-execution'),
  'attempted-dos': vulnerability('MEDIUM', 'dos'),
  'attempted-recon': vulnerability('LOW', 'scan'),
  'attempted-user': vulnerability('HIGH', 'code-execution'),
  'bad-unknown': vulnerability('LOW', 'protocol-anomaly'),
  'coin-mining': spyware('MEDIUM', 'cryptominer'),
  'command-and-control': spyware('HIGH', 'command-and-control'),
  'credential-theft': spyware('HIGH', 'data-theft'),
  'default-login-attempt': vulnerability('MEDIUM', 'insecure-credentials'),
  'denial-of-service': vulnerability('MEDIUM', 'dos'),
  'domain-c2': spyware('HIGH', 'command-and-control'),
  'exploit-kit': vulnerability('HIGH', 'code-execution'),
  'external-ip-check': spyware('INFORMATIONAL', 'scan'),
  'file-format': vulnerability('MEDIUM', 'code-execution'),
  'icmp-event': vulnerability('INFORMATIONAL', 'scan'),
  'inappropriate-content': vulnerability('INFORMATIONAL', 'protocol-anomaly'),
  'kickass-porn': vulnerability('INFORMATIONAL', 'protocol-anomaly'),
  'malware-cnc': spyware('CRITICAL', 'command-and-control'),
  'misc-activity': vulnerability('INFORMATIONAL', 'protocol-anomaly'),
  'misc-attack': vulnerability('MEDIUM', 'protocol-anomaly'),
  'network-event': vulnerability('INFORMATIONAL', 'protocol-anomaly'),
  'network-scan': vulnerability('INFORMATIONAL', 'scan'),
  'non-standard-protocol': vulnerability('LOW', 'protocol-anomaly'),
  'not-suspicious': vulnerability('INFORMATIONAL', 'protocol-anomaly'),
  'policy-violation': vulnerability('LOW', 'protocol-anomaly'),
  'protocol-command-decode': vulnerability('INFORMATIONAL', 'protocol-anomaly'),
  'pup-activity': spyware('LOW', 'hacktool'),
  'rpc-portmap-decode': vulnerability('LOW', 'scan'),
  sdf: vulnerability('MEDIUM', 'data-theft'),
  'shellcode-detect': vulnerability('HIGH', 'overflow'),
  'social-engineering': spyware('MEDIUM', 'data-theft'),
  'string-detect': vulnerability('LOW', 'protocol-anomaly'),
  'successful-admin': vulnerability('CRITICAL', 'code-execution'),
  'successful-dos': vulnerability('HIGH', 'dos'),
  'successful-recon-largescale': vulnerability('MEDIUM', 'info-leak'),
  'successful-recon-limited': vulnerability('MEDIUM', 'info-leak'),
  'successful-user': vulnerability('CRITICAL', 'code-execution'),
  'suspicious-filename-detect': vulnerability('LOW', 'protocol-anomaly'),
  'suspicious-login': vulnerability('LOW', 'brute-force'),
  'system-call-detect': vulnerability('MEDIUM', 'code-execution'),
  'targeted-activity': spyware('HIGH', 'command-and-control'),
  'tcp-connection': vulnerability('INFORMATIONAL', 'scan'),
  'trojan-activity': spyware('HIGH', 'command-and-control'),
  unknown: vulnerability('INFORMATIONAL', 'protocol-anomaly'),
  'unsuccessful-user': vulnerability('LOW', 'brute-force'),
  'unusual-client-port-connection': vulnerability('LOW', 'protocol-anomaly'),
  'web-application-activity': vulnerability('MEDIUM', 'info-leak'),
  'web-application-attack': vulnerability('HIGH', 'code-execution'),
};
