import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { selfSigned } from '../test/certificates.ts';
import { FRONT, HOST, type IapLab } from '../test/iap-lab.ts';
import { BACKEND, listening, type Rig } from './edge-rig.ts';

/** One of those who are measured: where it listens, and with what a session shows itself there. */
export interface Candidate {
  readonly name: string;
  readonly lab: IapLab;
  readonly port: number;
  readonly cookies: readonly string[];
}

export interface Proxies {
  readonly list: readonly Candidate[];
  /** Who is missing, and why. */
  readonly missing: readonly string[];
}

const ports = { authorizer: 9001, nginx: 8441, cached: 8442, apache: 8443, caddy: 8444, node: 8445 } as const;

interface Setting {
  readonly rig: Rig;
  readonly lab: IapLab;
  readonly folder: string;
  readonly cookies: readonly string[];
  readonly sessions: string;
  readonly certificate: string;
  readonly key: string;
}

/** The other proxies, all beside the load balancer without authentication, before the same server. */
export async function startProxies(rig: Rig, cookies: readonly string[]): Promise<Proxies> {
  const { folder } = rig.programs;
  const made = selfSigned([HOST]);
  const setting: Setting = {
    ...{ rig, cookies, folder, lab: rig.bare },
    ...{ sessions: `${folder}/sessions.json`, certificate: `${folder}/cert.pem`, key: `${folder}/key.pem` },
  };
  await writeFile(setting.sessions, JSON.stringify(cookies.map((it) => [it, 'alice@example.com'])));
  await writeFile(setting.certificate, made.certificate);
  await writeFile(setting.key, made.privateKey);
  rig.programs.start(rig.bare, { namespace: 'edge', name: 'authorizer' }, [
    ...[process.execPath, new URL('edge-authorizer.ts', import.meta.url).pathname, setting.sessions],
    String(ports.authorizer),
  ]);
  await listening(rig.bare, 'edge', ports.authorizer);
  const list: Candidate[] = [];
  const missing: string[] = [];
  for (const [name, start] of Object.entries({ nginx, apache, caddy, node })) {
    try {
      list.push(...(await start(setting)));
    } catch (error) {
      missing.push(`${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return { list, missing };
}

const authorize = `127.0.0.1:${ports.authorizer}`;
const temporary = (folder: string): string =>
  ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((it) => `${it}_temp_path ${folder}/${it};`).join(' ');

function nginxConfig({ folder, certificate, key }: Setting): string {
  const asked = `internal; proxy_pass http://authorizer/; proxy_pass_request_body off; proxy_set_header content-length ""; ${upstream}`;
  const server = (port: number, ask: string): string => `
  server {
    listen ${FRONT}:${port} ssl http2;
    server_name ${HOST};
    location / {
      auth_request ${ask};
      auth_request_set $email $upstream_http_x_auth_email;
      auth_request_set $assertion $upstream_http_x_auth_assertion;
      proxy_set_header x-auth-email $email;
      proxy_set_header x-auth-assertion $assertion;
      proxy_set_header host $host;
      proxy_pass http://backend;
      ${upstream}
    }
    location = /_ask { ${asked} }
    location = /_ask_cached { ${asked} proxy_cache sessions; proxy_cache_key $http_cookie; proxy_cache_valid 204 5s; }
  }`;
  return `
user root;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  ${temporary(folder)}
  ssl_certificate ${certificate};
  ssl_certificate_key ${key};
  ssl_protocols TLSv1.2 TLSv1.3;
  keepalive_timeout 600s;
  keepalive_requests 100000000;
  proxy_buffers 16 16k;
  proxy_buffer_size 16k;
  proxy_busy_buffers_size 64k;
  proxy_max_temp_file_size 0;
  proxy_cache_path ${folder}/nginx-cache keys_zone=sessions:10m;
  upstream backend { server ${BACKEND.host}:${BACKEND.port}; keepalive 128; keepalive_requests 100000000; }
  upstream authorizer { server ${authorize}; keepalive 128; keepalive_requests 100000000; }
  ${server(ports.nginx, '/_ask')}
  ${server(ports.cached, '/_ask_cached')}
}
`;
}

const upstream = 'proxy_http_version 1.1; proxy_set_header connection "";';

async function nginx(setting: Setting): Promise<readonly Candidate[]> {
  const { lab, rig, cookies, folder } = setting;
  await writeFile(`${folder}/nginx.conf`, nginxConfig(setting));
  rig.programs.start(lab, { namespace: 'edge', name: 'nginx' }, [
    ...['nginx', '-e', 'stderr', '-p', folder, '-c', `${folder}/nginx.conf`, '-g', 'daemon off;'],
  ]);
  await listening(lab, 'edge', ports.cached);
  return [
    { name: 'nginx auth_request', lab, port: ports.nginx, cookies },
    { name: 'nginx auth_request, cached 5 s', lab, port: ports.cached, cookies },
  ];
}

async function caddy({ lab, rig, cookies, folder, certificate, key }: Setting): Promise<readonly Candidate[]> {
  const text = `
{
  admin off
  auto_https off
  default_sni ${HOST}
  servers {
    protocols h1 h2
  }
}
https://:${ports.caddy} {
  bind ${FRONT}
  tls ${certificate} ${key}
  forward_auth ${authorize} {
    uri /
    copy_headers X-Auth-Email X-Auth-Assertion
    transport http {
      keepalive_idle_conns_per_host 128
    }
  }
  reverse_proxy ${BACKEND.host}:${BACKEND.port} {
    transport http {
      keepalive_idle_conns_per_host 128
    }
  }
}
`;
  await writeFile(`${folder}/Caddyfile`, text);
  rig.programs.start(lab, { namespace: 'edge', name: 'caddy' }, [
    ...['caddy', 'run', '--adapter', 'caddyfile', '--config', `${folder}/Caddyfile`],
  ]);
  await listening(lab, 'edge', ports.caddy);
  return [{ name: 'Caddy forward_auth', lab, port: ports.caddy, cookies }];
}

async function node({ lab, rig, cookies, ...setting }: Setting): Promise<readonly Candidate[]> {
  const program = new URL('edge-node-proxy.ts', import.meta.url).pathname;
  rig.programs.start(lab, { namespace: 'edge', name: 'node' }, [
    ...[process.execPath, program, setting.sessions, setting.certificate, setting.key],
    ...[FRONT, String(ports.node), `${BACKEND.host}:${BACKEND.port}`],
  ]);
  await listening(lab, 'edge', ports.node);
  return [{ name: 'Node alone, sessions in a Map', lab, port: ports.node, cookies }];
}

const modules = `mpm_event ssl socache_shmcb http2 proxy proxy_http authn_core authz_core authz_user auth_openidc`;

const apacheConfig = ({ certificate, key }: Setting, folder: string, issuer: string): string => `
ServerRoot ${folder}
ServerName ${HOST}
PidFile ${folder}/pid
ErrorLog ${folder}/error.log
LogLevel warn
Mutex file:${folder}
User www-data
Group www-data
${modules
  .split(' ')
  .map((it) => `LoadModule ${it}_module /usr/lib/apache2/modules/mod_${it}.so`)
  .join('\n')}
Listen ${FRONT}:${ports.apache} https
ServerLimit 1
StartServers 1
ThreadsPerChild 64
MaxRequestWorkers 64
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 600
Protocols h2 http/1.1
SSLSessionCache none
OIDCProviderMetadataURL ${issuer}/.well-known/openid-configuration
OIDCSSLValidateServer Off
OIDCOAuthSSLValidateServer Off
OIDCClientID vauban
OIDCClientSecret "a secret between the two of us"
OIDCRedirectURI https://${HOST}:${ports.apache}/_oidc/callback
OIDCCryptoPassphrase bench
OIDCScope "openid email"
OIDCPKCEMethod S256
OIDCClaimPrefix oidc-
OIDCCacheType shm
OIDCSessionInactivityTimeout 3600
<VirtualHost ${FRONT}:${ports.apache}>
  ServerName ${HOST}
  UseCanonicalName Off
  SSLEngine on
  SSLCertificateFile ${certificate}
  SSLCertificateKeyFile ${key}
  SSLProtocol -all +TLSv1.2 +TLSv1.3
  ProxyPass /_oidc/ !
  ProxyPass / http://${BACKEND.host}:${BACKEND.port}/ keepalive=On
  <Location />
    AuthType openid-connect
    Require valid-user
  </Location>
</VirtualHost>
`;

/** With sessions of people who have really signed in, at a provider on loopback. */
async function apache(setting: Setting): Promise<readonly Candidate[]> {
  const { lab, rig } = setting;
  const folder = `${setting.folder}/apache`;
  await mkdir(folder);
  await chown(folder, 33, 33);
  const site = `https://${HOST}:${ports.apache}`;
  const provider = rig.programs.start(lab, { namespace: 'edge', name: 'provider' }, [
    ...[process.execPath, new URL('edge-provider.ts', import.meta.url).pathname, `${setting.folder}/provider`],
    `${site}/_oidc/callback`,
  ]);
  const issuer = await said(setting, 'provider', /^https:.*$/m, () => provider.exitCode !== null);
  await writeFile(`${folder}/apache.conf`, apacheConfig(setting, folder, issuer));
  rig.programs.start(lab, { namespace: 'edge', name: 'apache' }, [
    ...['apache2', '-DFOREGROUND', '-d', folder, '-f', `${folder}/apache.conf`],
  ]);
  await listening(lab, 'edge', ports.apache);
  const cookies: string[] = [];
  for (let at = 0; at < setting.cookies.length; at++) {
    const jar = `${folder}/jar${at}`;
    const argv = ['curl', '-sk', '-m', '20', '-L', '--max-redirs', '9', '-c', jar, '-b', jar, '-w', '\n%{http_code}'];
    const resolve = ['--noproxy', '*', '--resolve', `${HOST}:${ports.apache}:${FRONT}`];
    const { stdout } = await lab.machine.exec([...argv, ...resolve, `${site}/who`], { namespace: 'edge' });
    const { stdout: held } = await lab.machine.exec(['cat', jar]);
    const session = /\tmod_auth_openidc_session\t(\S+)/.exec(held)?.[1];
    if (stdout !== 'alice@example.com\n200' || session === undefined)
      throw new Error(`nobody could sign in: ${stdout.slice(-200)}`);
    cookies.push(`mod_auth_openidc_session=${session}`);
  }
  // It signs nobody in any more, and takes no processor time.
  provider.kill('SIGTERM');
  return [{ name: 'Apache mod_auth_openidc', lab, port: ports.apache, cookies }];
}

async function said({ folder }: Setting, name: string, what: RegExp, over: () => boolean): Promise<string> {
  for (let tries = 0; tries < 100 && !over(); tries++) {
    const text = await readFile(`${folder}/${name}.log`, 'utf8');
    const found = what.exec(text)?.[0];
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`the ${name} did not start: ${(await readFile(`${folder}/${name}.log`, 'utf8')).slice(-300)}`);
}
