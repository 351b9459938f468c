import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { SESSION_COOKIE } from '#access/iap.ts';
import type { Artifact } from '#core/artifact.ts';
import { openEdgeDatabase } from '#edge/database.ts';
import type { NewSession } from '#edge/session.ts';
import { sessionStore } from '#edge/session-store.ts';
import { edgeEngine } from '#engines/edge/driver.ts';
import type { EdgeInput } from '#engines/edge/input.ts';
import { edgePaths } from '#engines/edge/paths.ts';
import type { EdgeService } from '#engines/edge/sections/services.ts';
import type { HaproxyInput } from '#engines/haproxy/input.ts';
import { eventually } from './deployment.ts';
import { FRONT, type ProxyLab, proxyLab, service, site } from './proxy-lab.ts';

/** The identity-aware proxy as it runs: HAProxy and the edge service, each as its own user, between clients and servers. */
export interface IapLab extends ProxyLab {
  readonly edge: ReturnType<typeof edgePaths>;
  /** Changes what the edge service goes by; waits until it does. */
  decide(fields: Partial<EdgeInput>): Promise<void>;
  /** A session as the sign-in makes it; gives the cookie as a header's value. */
  signIn(email?: string, more?: Partial<NewSession>): string;
  /** The edge service's process, for killing. */
  edgePid(): Promise<number>;
  health(): Promise<Awaited<ReturnType<NonNullable<typeof edgeEngine.observe>>>>;
  /** Lines of the edge service's log with this event. */
  logged(event: string): Promise<readonly Record<string, unknown>[]>;
  /** What the edge service answers over its socket alone. */
  ask(path: string): Promise<string>;
}

export const HOST = 'app.example.com';
export const SITE = `https://${HOST}`;

export const protectedSite = (fields: Partial<HaproxyInput> = {}): HaproxyInput =>
  site({ services: [service('web', { iap: true }), service('open')], ...fields });

export const webService = (fields: Partial<EdgeService> = {}): EdgeService => ({
  name: 'web',
  id: '4711',
  hosts: [],
  allowHttpOptions: false,
  programmaticClients: [],
  reauthSeconds: 0,
  reauthMethod: 'login',
  ...fields,
});

export const lets = (members: string[], more: Partial<EdgeInput['bindings'][number]> = {}): EdgeInput['bindings'] => [
  { key: 'lab/roleBinding/web-users', role: 'roles/iap.httpsResourceAccessor', members, ...more },
];

export const when = (expression: string) => ({ condition: { title: 'the condition', expression } });

const everything: EdgeInput = {
  project: { id: 'lab', number: '123456789012', namespace: 'edge' },
  services: [webService()],
  hosts: [],
  bindings: lets(['user:alice@example.com']),
  accessLevels: [],
  providers: [],
  directories: [],
  clients: [],
  serviceAccounts: [],
  portals: [],
  deviceAuthorities: [],
  vpnServers: [],
  vpnRights: [],
  vpnSets: [],
  consent: { applicationName: 'Shop', supportEmail: 'help@example.com', userType: 'external' },
};

export async function iapLab(input: HaproxyInput = protectedSite()): Promise<IapLab> {
  const lab = await proxyLab();
  const edge = edgePaths(lab.machine, 'lab');
  let held: Artifact<EdgeInput> | undefined;
  const decide: IapLab['decide'] = async (fields) => {
    const wanted = {
      ...{ id: 'edge/lab', engine: 'edge', owners: [], needs: [] },
      input: edgeEngine.input.parse({ ...(held?.input ?? everything), ...fields }),
    };
    await edgeEngine.apply(lab.machine, wanted, held);
    held = wanted;
  };
  try {
    await lab.hold(input);
    await decide({});
  } catch (error) {
    await lab.remove();
    throw error;
  }
  const health: IapLab['health'] = async () => {
    if (held === undefined || edgeEngine.observe === undefined) throw new Error('nothing is held');
    return edgeEngine.observe(lab.machine, held);
  };
  await eventually(health, (it) => (it.values['lab']?.['workers'] ?? 0) > 0);
  const logged: IapLab['logged'] = async (event) => {
    const text = await readFile(edge.log, 'utf8');
    return text.split('\n').flatMap((line) => (line.includes(`"event":"${event}"`) ? [JSON.parse(line)] : []));
  };
  return {
    ...lab,
    ...{ edge, decide, health, logged },
    signIn: (email = 'alice@example.com', more = {}) => {
      const database = openEdgeDatabase(edge.database);
      try {
        const sessions = sessionStore({ database, now: () => Date.now(), lifetime: () => 86_400 });
        const person = { subject: `id-of-${email}`, email, groups: [], displayName: email, provider: 'people' };
        const cookie = sessions.create({
          ...{ person, host: HOST, authTime: Math.floor(Date.now() / 1000), methods: ['pwd'] },
          ...more,
        });
        return `${SESSION_COOKIE}=${cookie}`;
      } finally {
        database.close();
      }
    },
    edgePid: async () => (await lab.machine.supervisor.status('edge.lab'))?.pid ?? 0,
    ask: (path) => overSocket(edge.web, path),
    async remove() {
      if (held !== undefined) await edgeEngine.remove(lab.machine, held);
      await lab.remove();
    },
  };
}

const overSocket = (socketPath: string, path: string): Promise<string> =>
  new Promise((done, fail) => {
    const asked = request({ socketPath, path, headers: { host: 'edge' } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => done(text));
    });
    asked.on('error', fail);
    asked.end();
  });

export { FRONT };
