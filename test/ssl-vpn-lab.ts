import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Secret, TOTP } from 'otpauth';
import { openEdgeDatabase } from '#edge/database.ts';
import { factorsIn } from '#edge/sign-in/provider/factors.ts';
import { edgePaths } from '#engines/edge/paths.ts';
import { eventually, type TestDeployment } from './deployment.ts';
import { inNamespace, type TestMachine } from './machine.ts';
import type { Stranger } from './segment-lab.ts';
import { vpnAsk } from './vpn-people.ts';

export interface Login {
  readonly username: string;
  readonly password: string;
  readonly code?: string;
}

/** A stock OpenVPN client in a namespace of its own, with a profile as it was exported. */
export interface VpnClient {
  /** What it has printed so far. */
  log(): string;
  /** Waits for words in that, or for the end of the client. */
  said(words: RegExp, seconds?: number): Promise<string>;
  /** Its address in the tunnel. */
  address(): string;
  /** True when it has ended by itself. */
  ended(): boolean;
  /** A signal, as a person or the machine would send one. */
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

export const UP = /Initialization Sequence Completed/;

let count = 0;

/** Starts one; name and password are typed by a file, a code by the client's own management socket. */
export const connect = (machine: TestMachine, at: Stranger, profile: string, login: Login): VpnClient =>
  connectIn(machine.namespace(at.namespace), { folder: machine.run, profile, login });

/** The same in any namespace; its files stand in a folder of the test’s. */
export function connectIn(
  namespace: string,
  { folder, profile, login }: { readonly folder: string; readonly profile: string; readonly login: Login },
): VpnClient {
  mkdirSync(folder, { recursive: true });
  const base = `${folder}/client${count++}`;
  writeFileSync(`${base}.ovpn`, profile, { mode: 0o600 });
  writeFileSync(`${base}.user`, `${login.username}\n${login.password}\n`, { mode: 0o600 });
  const more = login.code === undefined ? ['--auth-user-pass', `${base}.user`] : asked(base);
  const argv = ['openvpn', '--config', `${base}.ovpn`, ...more, '--dev', `tun${count}`, '--log', `${base}.log`];
  const [program = '', ...rest] = inNamespace(namespace, argv);
  const child = spawn(program, rest, { stdio: 'ignore' });
  if (login.code !== undefined) answer(base, login, login.code);
  let ended = false;
  const end = new Promise<void>((done) => {
    child.once('exit', () => {
      ended = true;
      done();
    });
  });
  const log = (): string => {
    try {
      return readFileSync(`${base}.log`, 'utf8');
    } catch {
      return '';
    }
  };
  return {
    log,
    ended: () => ended,
    said: (words, seconds = 30) =>
      eventually(
        async () => log(),
        (it) => words.test(it) || ended,
        seconds,
      ),
    address: () => [...log().matchAll(/net_addr_v4_add: ([\d.]+)\//g)].at(-1)?.[1] ?? '',
    signal: (name) => void child.kill(name),
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await end;
      clearTimeout(timer);
    },
  };
}

const asked = (base: string): string[] => ['--management', `${base}.sock`, 'unix', '--management-query-passwords'];

/** Types what the client asks for: a person at its window. */
function answer(base: string, { username, password }: Login, code: string): void {
  const both = [password, code].map((it) => Buffer.from(it).toString('base64')).join(':');
  const program = `
import socket, time
for _ in range(100):
    try:
        s = socket.socket(socket.AF_UNIX); s.connect('${base}.sock'); break
    except OSError:
        time.sleep(0.05)
f = s.makefile('rw')
for line in f:
    if line.startswith(">PASSWORD:Need 'Auth'"):
        f.write('username "Auth" "${username}"\\npassword "Auth" "SCRV1:${both}"\\n'); f.flush()
`;
  spawn('python3', ['-c', program], { stdio: 'ignore', detached: true }).unref();
}

export interface Authenticator {
  /** What the app shows now. */
  code(): string;
  /** The person has no app any more. */
  remove(): void;
}

/** Sets an app up for a person, as their account page does; `server` is the key of one that they may use. */
export async function setUpApp(
  { deployment }: TestDeployment,
  it: { readonly server: string; readonly email: string },
): Promise<Authenticator> {
  const [project = ''] = it.server.split('/');
  const paths = edgePaths({ run: deployment.run, state: deployment.hostState }, project);
  const { person } = await vpnAsk<{ person: { subject: string } }>(paths.vpn, '/v1/vpn/rights', it);
  const database = openEdgeDatabase(paths.database);
  const factors = factorsIn(database, Date.now, () => undefined);
  const secret = factors.totpOffer(person.subject, 'test');
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  const period = totp.period * 1000;
  // With the code before the one that is shown now, so that this one is not used yet.
  if (!factors.confirmTotp(person.subject, 'test', totp.generate({ timestamp: Date.now() - period })))
    throw new Error('the app was not set up');
  return {
    code: () => totp.generate(),
    remove: () => {
      factors.removeTotp(person.subject);
      database.close();
    },
  };
}

/** Serves one page from a private host, and says who has asked. */
export async function serve(machine: TestMachine, host: Stranger, text: string): Promise<() => void> {
  const folder = `${machine.run}/www-${host.namespace}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/index.html`, text);
  const argv = ['python3', '-m', 'http.server', '80', '--directory', folder];
  const [program = '', ...rest] = inNamespace(machine.namespace(host.namespace), argv);
  const child = spawn(program, rest, { stdio: 'ignore' });
  await eventually(
    () => host.run('curl -s -m 2 --noproxy * http://127.0.0.1/'),
    (it) => it.stdout.includes(text),
  );
  return () => void child.kill('SIGKILL');
}

interface Forging {
  readonly kind: 'foreign' | 'expired';
  /** Folder of the authority that it pretends to be of, or was of once. */
  readonly authority: string;
  readonly email: string;
}

/** A certificate of another authority with the same name, or one of this that is over. PEM. */
export function forged(folder: string, { kind, authority, email }: Forging): { certificate: string; key: string } {
  mkdirSync(folder, { recursive: true });
  const at = (name: string): string => `${folder}/forged-${kind}.${name}`;
  const openssl = (...argv: string[]): void => void execFileSync('openssl', argv, { stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  let signer = ['-CA', `${authority}/authority.crt`, '-CAkey', `${authority}/authority.key`];
  if (kind === 'foreign') {
    openssl('req', '-x509', ...key, '-keyout', at('ca.key'), '-out', at('ca'), '-subj', '/CN=Office VPN', '-days', '9');
    signer = ['-CA', at('ca'), '-CAkey', at('ca.key')];
  }
  openssl('req', ...key, '-keyout', at('key'), '-out', at('csr'), '-subj', `/CN=${email}`);
  writeFileSync(at('ext'), 'keyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n');
  const days = kind === 'expired' ? '0' : '9';
  const request = ['x509', '-req', '-in', at('csr'), ...signer, '-set_serial', '4711', '-days', days];
  openssl(...request, '-extfile', at('ext'), '-out', at('crt'));
  return { certificate: readFileSync(at('crt'), 'utf8'), key: readFileSync(at('key'), 'utf8') };
}

/** A profile with another certificate. */
export const inlined = (profile: string, { certificate, key }: { certificate: string; key: string }): string =>
  profile
    .replace(/<cert>[\s\S]*<\/cert>/, `<cert>\n${certificate}</cert>`)
    .replace(/<key>[\s\S]*<\/key>/, `<key>\n${key}</key>`);
