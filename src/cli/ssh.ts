import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '#client/client.ts';
import { execIn } from '#client/exec.ts';
import { Problem } from '#core/problem.ts';
import { apiToken, type Cli, stateOf, type Target } from './context.ts';
import { configFolder } from './login.ts';

export interface SshTarget {
  readonly project: string;
  readonly instance: string;
  /** The account there; undefined: the name that we have here. */
  readonly user: string | undefined;
}

/** What ssh and scp are told to reach an instance through the tunnel. */
export interface SshWay {
  readonly options: readonly string[];
  /** `alice@compute.1234`. */
  readonly destination: string;
}

/** Seconds that the instance accepts the key for a new connection. */
const KEY_SECONDS = 3600;
/** Connections that a person's command tries, half a second apart. */
const ATTEMPTS = 40;
/** Tenths of a second for a host to have taken over the key, and to have made its own. */
const PATIENCE = 600;

/**
 * Prepares ssh to an instance as the cloud's command line does: a key of our own, made once; given to the instance for an
 * hour; the instance's own keys known under its number, so that nobody has to believe them at the first connection.
 */
export async function sshWay(cli: Cli, client: Client, flags: Target, target: SshTarget): Promise<SshWay> {
  const { project, instance } = target;
  const folder = sshFolder(cli);
  const key = ensureKey(`${folder}/id_ed25519`, `${localName(cli)}@${hostname()}`);
  const publicKey = readFileSync(`${key}.pub`, 'utf8').trim();
  const path = `/v1/projects/${project}/instances/${encodeURIComponent(instance)}/ssh-keys`;
  const wanted = { user: target.user ?? localName(cli), key: publicKey, expireSeconds: KEY_SECONDS };
  // People have the account that is theirs, whatever they ask for.
  const { user, instanceId } = await client.post<{ user: string; instanceId: string }>(path, wanted);
  const alias = `compute.${instanceId}`;
  const known = `${folder}/known_hosts.d/${alias}`;
  const isPerson = apiToken(cli, flags) === undefined;
  if (!isPerson) replaceFile(known, await hostKeys(client, target, { user, publicKey, alias }));
  const proxy = [
    ...[process.execPath, '--disable-warning=ExperimentalWarning', process.argv[1] ?? ''],
    ...['tunnel', instance, '%p', '--listen-on-stdin', '--project', project, '--state', stateOf(cli, flags)],
  ];
  const settings = {
    IdentitiesOnly: 'yes',
    HostKeyAlias: alias,
    UserKnownHostsFile: quoted(known),
    // Whoever may not look into the host believes it the first time: the tunnel has led to it and to nobody else.
    StrictHostKeyChecking: isPerson ? 'accept-new' : 'yes',
    CheckHostIP: 'no',
    ProxyUseFdpass: 'no',
    ProxyCommand: proxy.map((word) => (word === '%p' ? word : quoted(word.replaceAll('%', '%%')))).join(' '),
  };
  const options = ['-i', key, ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
  const way = { options, destination: `${user}@${alias}` };
  if (isPerson) await untilAccepted(way, target);
  return way;
}

/** Waits until the host has made the account; any other refusal is said by ssh itself, at the real attempt. */
async function untilAccepted({ options, destination }: SshWay, { instance }: SshTarget): Promise<void> {
  const quiet = ['-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR', ...options, destination, '--', 'true'];
  for (let tries = 0; tries < ATTEMPTS; tries++) {
    const { status, stderr, error } = spawnSync('ssh', quiet, {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    if (error !== undefined) throw missing('ssh');
    if (status === 0 || !stderr.includes('Permission denied')) return;
    await sleep(500);
  }
  throw new Problem('UNMET', {
    at: instance,
    message: `it did not take over the SSH key of ${destination.split('@', 1)[0]}`,
    fix: 'Does an SSH server run there that takes keys? Whoever runs the site can look with `vauban ssh`.',
  });
}

/** Runs ssh or scp with our own input and output; its exit code becomes ours. */
export function runProgram(cli: Cli, program: 'ssh' | 'scp', argv: readonly string[]): void {
  const { status, signal, error } = spawnSync(program, argv, { stdio: 'inherit' });
  if (error !== undefined) throw missing(program);
  cli.process.exitCode = status ?? (signal === 'SIGINT' ? 130 : 255);
}

/** Waits inside until the account has the key, then prints the host's own keys. One round trip, bounded. */
const WAIT = `
tries=0
until home=$(getent passwd "$1" | cut -d: -f6) && grep -qF "$2" "$home/.ssh/authorized_keys" 2>/dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt "$3" ] || exit 3
  sleep 0.1
done
cat /etc/ssh/ssh_host_*_key.pub`;

async function hostKeys(
  client: Client,
  target: SshTarget,
  { user, publicKey, alias }: { readonly user: string; readonly publicKey: string; readonly alias: string },
): Promise<string> {
  const [, blob = ''] = publicKey.split(' ');
  const argv = ['sh', '-c', WAIT, 'sh', user, blob, String(PATIENCE)];
  const { code, stdout } = await execIn(client, target, argv);
  const keys = stdout.split('\n').filter((line) => /^(ssh|ecdsa)-\S+ \S+/.test(line));
  if (code === 0 && keys.length > 0) return keys.map((line) => `${alias} ${line.split(' ', 2).join(' ')}\n`).join('');
  throw new Problem('UNMET', {
    at: target.instance,
    message: code === 3 ? `it did not take over the SSH key for ${user}` : 'it has no SSH server, or is not running',
    fix: `See \`vauban logs serial ${target.instance}\`; \`vauban ssh ${target.instance}\` without --tunnel needs no key.`,
  });
}

/** The cloud's command line uses the local name; root here is nobody there. */
function localName(cli: Cli): string {
  const name = cli.env['SUDO_USER'] ?? cli.env['USER'] ?? userInfo().username;
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '_')
    .replace(/^[^a-z_]/, '_');
  return plain === 'root' || plain === '' ? 'debian' : plain.slice(0, 32);
}

function sshFolder(cli: Cli): string {
  const folder = `${configFolder(cli.env)}/ssh`;
  mkdirSync(`${folder}/known_hosts.d`, { recursive: true, mode: 0o700 });
  return folder;
}

/** Made once, without a passphrase: it is worth something for an hour at a time. */
function ensureKey(path: string, comment: string): string {
  if (existsSync(path) && existsSync(`${path}.pub`)) return path;
  const made = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (made.error !== undefined) throw missing('ssh-keygen');
  if (made.status === 0 || existsSync(`${path}.pub`)) return path;
  throw new Problem('HOST_UNFIT', {
    at: path,
    message: `no key could be made: ${made.stderr.trim()}`,
    fix: 'May you write into that folder?',
  });
}

function replaceFile(path: string, text: string): void {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text, { mode: 0o600 });
  renameSync(fresh, path);
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

const missing = (program: string): Problem =>
  new Problem('HOST_UNFIT', {
    at: program,
    message: 'it is not installed on this machine',
    fix: 'Install the package openssh-client.',
  });
