import type { SuricataInput } from './input.ts';
import type { SuricataPaths } from './paths.ts';

/** Signatures 9,000,000 to 9,000,099 are canaries: proofs that the engine sees, never threats. */
export const canarySid = 9_000_000;
export const isCanary = (sid: number): boolean => sid >= canarySid && sid < canarySid + 100;
export const canaryMark = 'vauban-canary ';

/** Packets of alerted sessions that are kept: at most this many files of this many megabytes. */
export const packetFiles = { count: 16, megabytes: 8 } as const;

const anyHosts = [
  'AIM_SERVERS',
  'DC_SERVERS',
  'DNP3_CLIENT',
  'DNP3_SERVER',
  'DNS_SERVERS',
  'ENIP_CLIENT',
  'ENIP_SERVER',
  // Both ends of an attack may be inside, so that everything counts as outside too.
  'EXTERNAL_NET',
  'HTTP_SERVERS',
  'MODBUS_CLIENT',
  'MODBUS_SERVER',
  'SMTP_SERVERS',
  'SQL_SERVERS',
  'TELNET_SERVERS',
];

const portGroups = {
  DNP3_PORTS: '20000',
  FILE_DATA_PORTS: 'any',
  FTP_PORTS: '21',
  GENEVE_PORTS: '6081',
  HTTP_PORTS: 'any',
  MODBUS_PORTS: '502',
  ORACLE_PORTS: '1521',
  SHELLCODE_PORTS: '!80',
  SSH_PORTS: '22',
  TEREDO_PORTS: '3544',
  VXLAN_PORTS: '4789',
};

const address = (networks: readonly string[]): string => (networks.length === 0 ? 'any' : `[${networks.join(',')}]`);

const collector = (name: string, index: number): string => `  - interface: ${name}
    threads: 1
    cluster-id: ${99 - index}
    cluster-type: cluster_flow
    defrag: yes
    use-mmap: yes
    tpacket-v3: yes
    block-size: 131072
    block-timeout: 1
    ring-size: 2048
    disable-promisc: yes
    checksum-checks: no`;

const oneWay = `  # A mirror may show one direction only, or a session that began before the engine did.
  async-oneside: yes`;
const bothWays = '  # A session may have begun before the engine did.';

/**
 * Where packets come from. A packet that cannot be inspected, because memory is full or it makes no sense as what it says
 * to be, passes: what nobody is there to inspect is the filter's business.
 */
function captureText({ inline, interfaces }: SuricataInput): string {
  switch (inline?.mode) {
    case undefined:
      return `capture: { disable-offloading: false }\naf-packet:\n${interfaces.map(collector).join('\n')}`;
    case 'copies':
      return `nflog: [ { group: ${inline.number}, buffer-size: 131072, qthreshold: 1, qtimeout: 1, max-size: 1048576 } ]`;
    case 'verdicts':
      return 'nfq: { mode: accept, batchcount: 1, fail-open: no }\nexception-policy: ignore';
  }
}

/** How the engine is told where packets come from. */
export function captureWords({ inline }: SuricataInput): readonly string[] {
  if (inline === undefined) return ['--af-packet'];
  return inline.mode === 'copies' ? ['--nflog'] : ['-q', String(inline.number)];
}

/** What the engine calls the place where packets come from first. */
export function capturedAt({ inline, interfaces }: SuricataInput): readonly string[] {
  if (inline === undefined) return interfaces;
  return [inline.mode === 'copies' ? String(inline.number) : `NFQ#${inline.number}`];
}

/**
 * The whole configuration. Measured, and not to be changed without measuring: block-size (64 KB super-packets are cut
 * off by the default), the three checksum settings (every mirrored packet has a wrong one), block-timeout (latency).
 */
export function renderConfig(input: SuricataInput, paths: SuricataPaths): string {
  return `%YAML 1.1
---
# ${input.name}
sensor-name: "${input.name}"
default-log-dir: "${paths.logs}"
default-rule-path: "${paths.folder}"
rule-files: [ canary.rules, proxied.rules, pack.rules, site.rules ]
classification-file: "${paths.classification}"
reference-config-file: "${paths.references}"
vars:
  address-groups:
    HOME_NET: "${address(input.homeNetworks)}"
${anyHosts.map((it) => `    ${it}: "any"`).join('\n')}
  port-groups:
${Object.entries(portGroups)
  .map(([name, ports]) => `    ${name}: "${ports}"`)
  .join('\n')}
logging: { default-log-level: notice, outputs: [ { console: { enabled: yes } } ] }
stats: { enabled: yes, interval: 2 }
outputs:
  - eve-log:
      enabled: yes
      filetype: regular
      filename: "${paths.eve}"
      filemode: 640
      community-id: true
      ethernet: yes
      types:
        - alert: { payload: yes, payload-buffer-size: 8kb, payload-printable: yes, packet: yes, metadata: yes, tagged-packets: no }
        - stats: { totals: yes, threads: no, deltas: no, null-values: no }
${input.trafficLogs ? '        - flow\n' : ''}  - pcap-log:
      enabled: yes
      dir: "${paths.packets}"
      filename: alerts.pcap
      mode: normal
      conditional: alerts
      ts-format: usec
      limit: ${packetFiles.megabytes}mb
      max-files: ${packetFiles.count}
      use-stream-depth: no
      honor-pass-rules: yes
unix-command: { enabled: yes, filename: "${paths.socket}" }
runmode: workers
${captureText(input)}
app-layer:
  protocols:
    http:
      enabled: yes
      libhtp:
        default-config:
          personality: IDS
          request-body-limit: 128kb
          response-body-limit: 128kb
          request-body-minimal-inspect-size: 4kb
          request-body-inspect-window: 16kb
          response-body-minimal-inspect-size: 4kb
          response-body-inspect-window: 16kb
          response-body-decompress-layer-limit: 2
          randomize-inspection-sizes: no
          double-decode-path: yes
          double-decode-query: yes
          query-plusspace-decode: yes
stream:
  memcap: 64mb
  checksum-validation: no
${input.inline?.mode === 'verdicts' ? bothWays : oneWay}
  midstream: yes
  reassembly: { memcap: 128mb, depth: 1mb, randomize-chunk-size: no }
flow: { memcap: 64mb, hash-size: 16384, prealloc: 1000 }
defrag: { memcap: 8mb, hash-size: 1024, trackers: 1024, max-frags: 1024, prealloc: yes }
host: { memcap: 16mb, hash-size: 4096, prealloc: 100 }
ippair: { memcap: 16mb, hash-size: 4096, prealloc: 100 }
detect: { profile: medium, sgh-mpm-caching: no }
# A rule may neither run scripts nor write files.
security: { lua: { allow-rules: no } }
datasets: { rules: { allow-write: no, allow-absolute-filenames: no } }
`;
}

/** One rule: a datagram to the canary's address that carries the mark. */
export const renderCanary = ({ canary }: SuricataInput): string =>
  `alert udp any any -> ${canary.address} ${canary.port} (msg:"Vauban canary"; content:"${canaryMark}"; startswith; ` +
  `classtype:vauban-canary; priority:255; sid:${canarySid}; rev:1;)\n`;

export const canaryClass = 'config classification: vauban-canary,Proof that the engine sees,255\n';

/** Kinds of reference that rules may name, so that none is refused for it. */
export const referenceConfig = [
  'bugtraq',
  'cve',
  'et',
  'exploitdb',
  'md5',
  'msft',
  'nessus',
  'telus',
  'threatexpert',
  'url',
]
  .map((it) => `config reference: ${it} ${it}:\n`)
  .join('');
