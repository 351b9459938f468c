import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Artifact } from '#core/artifact.ts';
import type { FilterInput, FilterRule } from '#engines/filter/input.ts';
import { office, officeRule } from '#engines/filter/office.fixture.ts';
import { suricataId } from '#engines/suricata/assemble.ts';
import { SuricataInput } from '#engines/suricata/input.ts';
import { pack } from '../rules/index.ts';
import { inNamespace, type TestMachine } from './machine.ts';

/** An office whose client reaches one web server under four rules, each of which wants something else inspected. */

export const WEB = '147.135.161.158';
const canaries = { ids: { address: '127.0.86.1', port: 4790 }, ips: { address: '127.0.86.2', port: 4790 } };

/** Ports of one server, and the rule that lets each through. */
export const ports = { guarded: 80, plain: 81, watched: 82, lenient: 83 } as const;
export type Port = keyof typeof ports;

const asks: Record<Port, Partial<FilterRule>> = {
  guarded: { inspection: 'ips', failOpen: false },
  plain: {},
  watched: { inspection: 'ids' },
  lenient: { inspection: 'ips', failOpen: true },
};

export const input: FilterInput = {
  ...office,
  namespace: 'gw',
  serviceSets: Object.entries(ports).map(([name, port]) => ({
    key: `lab/serviceObject/${name}`,
    services: [{ protocol: 'tcp' as const, ports: [[port, port]] }],
  })),
  rules: (Object.keys(ports) as Port[]).map((name, index) =>
    officeRule(name, index + 1, { services: [`lab/serviceObject/${name}`], ...asks[name] }),
  ),
  nat: [],
  local: [],
  guards: [],
  people: [],
  ips: { queue: 8, canary: canaries.ips },
  ids: { group: 8, canary: canaries.ids },
};

export function engine(which: 'ids' | 'ips', siteRules = ''): Artifact<SuricataInput> {
  const made = SuricataInput.parse({
    name: `lab/gateway/office/${which}`,
    namespace: 'gw',
    interfaces: [],
    inline: which === 'ips' ? { mode: 'verdicts', number: 8, dropFrom: 'HIGH' } : { mode: 'copies', number: 8 },
    trafficLogs: false,
    pack: pack.version,
    siteRules,
    without: [],
    homeNetworks: ['10.200.0.0/16'],
    proxies: [],
    canary: { ...canaries[which], from: 'gw' },
    after: [],
  });
  return { id: suricataId(made.name), engine: 'suricata', owners: [], needs: [], input: made };
}

/** A web server on all the ports that answers with as many bytes as the path says. */
export function startWeb(machine: TestMachine): ChildProcess {
  const listen = Object.values(ports).map((port) => `make().listen(${port});`);
  const program = `const http = require('node:http'); const make = () => http.createServer((q, a) => a.end('x'.repeat(Number(q.url.slice(1)) || 1))); ${listen.join(' ')}`;
  const [file = '', ...words] = inNamespace(machine.namespace('out'), [process.execPath, '-e', program]);
  return spawn(file, words, { stdio: 'ignore' });
}
