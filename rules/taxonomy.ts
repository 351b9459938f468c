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

const spyCategories: readonly Category[] = [
  'backdoor',
  'command-and-control',
  'cryptominer',
  'data-theft',
  'dns',
  'hacktool',
];

/** The type of a threat of which only the category is known. */
export const typeOf = (category: Category): ThreatType =>
  category === 'virus' ? 'virus' : spyCategories.includes(category) ? 'spyware' : 'vulnerability';

/** Suricata's priority of a severity: 1 (critical) to 5 (informational); EVE calls it `alert.severity`. */
export const priorityOf = (severity: Severity): number => severities.indexOf(severity) + 1;

/** The class of a rule of our own: `code-execution-critical`. */
export const classOf = (category: Category, severity: Severity): string => `${category}-${severity.toLowerCase()}`;

const as = (severity: Severity, category: Category): ClassTarget => ({ severity, type: typeOf(category), category });

/** Class names that imported rule sets and a site's own rules use (the customary ones of Snort and Suricata). */
export const foreignClasses: Readonly<Record<string, ClassTarget>> = {
  'attempted-admin': as('HIGH', 'code-execution'),
  'attempted-dos': as('MEDIUM', 'dos'),
  'attempted-recon': as('LOW', 'scan'),
  'attempted-user': as('HIGH', 'code-execution'),
  'bad-unknown': as('LOW', 'protocol-anomaly'),
  'coin-mining': as('MEDIUM', 'cryptominer'),
  'command-and-control': as('HIGH', 'command-and-control'),
  'credential-theft': as('HIGH', 'data-theft'),
  'default-login-attempt': as('MEDIUM', 'insecure-credentials'),
  'denial-of-service': as('MEDIUM', 'dos'),
  'domain-c2': as('HIGH', 'command-and-control'),
  'exploit-kit': as('HIGH', 'code-execution'),
  'external-ip-check': as('INFORMATIONAL', 'scan'),
  'file-format': as('MEDIUM', 'code-execution'),
  'icmp-event': as('INFORMATIONAL', 'scan'),
  'inappropriate-content': as('INFORMATIONAL', 'protocol-anomaly'),
  'kickass-porn': as('INFORMATIONAL', 'protocol-anomaly'),
  'malware-cnc': as('CRITICAL', 'command-and-control'),
  'misc-activity': as('INFORMATIONAL', 'protocol-anomaly'),
  'misc-attack': as('MEDIUM', 'protocol-anomaly'),
  'network-event': as('INFORMATIONAL', 'protocol-anomaly'),
  'network-scan': as('INFORMATIONAL', 'scan'),
  'non-standard-protocol': as('LOW', 'protocol-anomaly'),
  'not-suspicious': as('INFORMATIONAL', 'protocol-anomaly'),
  'policy-violation': as('LOW', 'protocol-anomaly'),
  'protocol-command-decode': as('INFORMATIONAL', 'protocol-anomaly'),
  'pup-activity': as('LOW', 'hacktool'),
  'rpc-portmap-decode': as('LOW', 'scan'),
  sdf: as('MEDIUM', 'data-theft'),
  'shellcode-detect': as('HIGH', 'overflow'),
  'social-engineering': as('MEDIUM', 'data-theft'),
  'string-detect': as('LOW', 'protocol-anomaly'),
  'successful-admin': as('CRITICAL', 'code-execution'),
  'successful-dos': as('HIGH', 'dos'),
  'successful-recon-largescale': as('MEDIUM', 'info-leak'),
  'successful-recon-limited': as('MEDIUM', 'info-leak'),
  'successful-user': as('CRITICAL', 'code-execution'),
  'suspicious-filename-detect': as('LOW', 'protocol-anomaly'),
  'suspicious-login': as('LOW', 'brute-force'),
  'system-call-detect': as('MEDIUM', 'code-execution'),
  'targeted-activity': as('HIGH', 'command-and-control'),
  'tcp-connection': as('INFORMATIONAL', 'scan'),
  'trojan-activity': as('HIGH', 'command-and-control'),
  unknown: as('INFORMATIONAL', 'protocol-anomaly'),
  'unsuccessful-user': as('LOW', 'brute-force'),
  'unusual-client-port-connection': as('LOW', 'protocol-anomaly'),
  'web-application-activity': as('MEDIUM', 'info-leak'),
  'web-application-attack': as('HIGH', 'code-execution'),
};
