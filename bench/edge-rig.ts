import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { eventually } from '../test/deployment.ts';
import { type IapLab, iapLab, protectedSite } from '../test/iap-lab.ts';
import { hosts, server, service } from '../test/proxy-lab.ts';
import { CLIENT_CORE, pin } from './edge-load.ts';

/** Two load balancers, one with the identity-aware proxy and one without, each before an nginx of its own. */
export interface Rig {
  readonly guarded: IapLab;
  readonly bare: IapLab;
  readonly programs: Programs;
  remove(): Promise<void>;
}

export const BACKEND = { host: hosts[0], port: 8000 } as const;

/** Paths of the server, with the bytes of their answers. */
export const bodies = { '/64': 64, '/100k': 102_400 } as const;
export type Path = keyof typeof bodies;

/** Programs of a measurement in namespaces of a lab; all are ended, by their own ids. */
export class Programs {
  readonly #children: ChildProcess[] = [];
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** What it says goes to a file `name.log` in the folder. */
  start(lab: IapLab, place: { readonly namespace: string; readonly name: string }, argv: readonly string[]) {
    const core = place.namespace === 'edge' ? 0 : CLIENT_CORE;
    const output = openSync(`${this.folder}/${place.name}.log`, 'a');
    const words = [
      `--net=/run/netns/${lab.machine.namespace(place.namespace)}`,
      'taskset',
      '-c',
      String(core),
      ...argv,
    ];
    const env = { ...process.env, HOME: this.folder, XDG_DATA_HOME: this.folder, XDG_CONFIG_HOME: this.folder };
    const child = spawn('nsenter', words, {
      stdio: ['ignore', output, output],
      env: { ...env, GOMAXPROCS: '1', NODE_ENV: 'production' },
    });
    closeSync(output);
    this.#children.push(child);
    return child;
  }

  async end(): Promise<void> {
    for (const child of this.#children.splice(0).toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await once(child, 'close');
      clearTimeout(timer);
    }
  }
}

export const listening = (lab: IapLab, namespace: string, port: number): Promise<string> =>
  eventually(
    async () => (await lab.machine.exec(['ss', '-Hltn', `sport = :${port}`], { namespace })).stdout,
    (it) => it.trim() !== '',
    20,
  );

const backend = (folder: string): string => `
user root;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 600s;
  keepalive_requests 100000000;
  default_type text/plain;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((it) => `${it}_temp_path ${folder}/${it};`).join(' ')}
  open_file_cache max=16;
  server {
    listen 10.1.0.11:${BACKEND.port} backlog=1024;
    location = /64 { return 200 ${'x'.repeat(64)}; }
    location = /100k { root ${folder}; }
    location = /who { return 200 "$http_x_goog_authenticated_user_email$http_x_auth_email$http_oidc_email"; }
  }
}
`;

async function addBackend(lab: IapLab, programs: Programs, name: string): Promise<void> {
  const folder = `${programs.folder}/${name}`;
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/100k`, 'x'.repeat(bodies['/100k']));
  await writeFile(`${folder}/nginx.conf`, backend(folder));
  programs.start(lab, { namespace: 'hosts', name }, [
    ...['nginx', '-e', `${folder}/error.log`, '-p', folder, '-c', `${folder}/nginx.conf`, '-g', 'daemon off;'],
  ]);
  await listening(lab, 'hosts', BACKEND.port);
  await pin(lab.machine, 'hosts', CLIENT_CORE);
}

/**
 * Everything that is started from here on inherits the one core of this process, so that HAProxy makes one thread. Call it
 * before anything else.
 */
export async function edgeRig(): Promise<Rig> {
  const servers = [server(BACKEND.host, BACKEND.port)];
  const guarded = await iapLab(protectedSite({ services: [service('web', { iap: true, servers }), service('open')] }));
  const programs = new Programs(`${guarded.machine.run}/bench`);
  let bare: IapLab | undefined;
  const remove = async () => {
    await programs.end();
    await bare?.remove();
    await guarded.remove();
  };
  try {
    // No service of it is protected: then HAProxy has no rule of the identity-aware proxy at all.
    bare = await iapLab(protectedSite({ services: [service('web', { servers }), service('open')] }));
    await mkdir(programs.folder, { mode: 0o755 });
    await addBackend(guarded, programs, 'backend');
    await addBackend(bare, programs, 'backend-of-bare');
    return { guarded, bare, programs, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
