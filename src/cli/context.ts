import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandContext } from '@stricli/core';
import { Client, type Connection } from '#client/client.ts';
import { DEFAULT_STATE, type Deployment, deploymentAt, type Settings } from '#core/deployment.ts';
import { Problem } from '#core/problem.ts';
import { identityToken, loginOf } from './login.ts';
import type { Style } from './style.ts';

/** What a verb may touch. */
export interface Cli extends CommandContext {
  readonly process: CommandContext['process'] & { exitCode?: number | string | null };
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly style: Style;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What was typed so far, for completion. */
  readonly words: readonly string[];
  /** Writes a line to standard output. */
  print(text: string): void;
  /** Writes a line to standard error: progress, warnings. */
  note(text: string): void;
}

/** Flags that every verb which talks to the API has. */
export interface Target {
  readonly state?: string;
  readonly project?: string;
}

export const stateOf = (cli: Cli, target: Pick<Target, 'state'>): string =>
  target.state ?? cli.env['VAUBAN_STATE'] ?? DEFAULT_STATE;

export const deploymentOf = (cli: Cli, target: Pick<Target, 'state'>): Deployment => deploymentAt(stateOf(cli, target));

/**
 * The API of a deployment. VAUBAN_API, VAUBAN_TOKEN (or VAUBAN_TOKEN_FILE) and VAUBAN_CA_FILE name one elsewhere; without
 * them it is the one on this machine, with the administrator's token.
 */
export const clientOf = (cli: Cli, target: Target): Client => new Client(connectionOf(cli, target));

/** The same for verbs that people use as well: their ID token is renewed first where that is due. */
export async function personalClientOf(cli: Cli, target: Target): Promise<Client> {
  if (apiToken(cli, target) === undefined && loginOf(cli.env) !== undefined) await identityToken(cli.env);
  return clientOf(cli, target);
}

/** What was given to this command line or this machine: never a person's. */
export const apiToken = (cli: Cli, target: Pick<Target, 'state'>): string | undefined =>
  cli.env['VAUBAN_TOKEN'] ?? readText(tokenFileOf(cli, target))?.trim();

const tokenFileOf = (cli: Cli, target: Pick<Target, 'state'>): string =>
  cli.env['VAUBAN_TOKEN_FILE'] ?? `${deploymentOf(cli, target).apiFolder}/admin.token`;

/** Where that API is, and by what we are known there: an API token, or else who has signed in with `vauban login`. */
export function connectionOf(cli: Cli, target: Target): Connection {
  const deployment = deploymentOf(cli, target);
  const settings = readText(`${deployment.state}/settings.json`);
  const { host, port } =
    settings === undefined ? { host: '127.0.0.1', port: 8443 } : (JSON.parse(settings) as Settings);
  const address = cli.env['VAUBAN_API'] ?? `https://${host}:${port}`;
  const token = apiToken(cli, target) ?? loginOf(cli.env)?.idToken;
  const authority = readText(cli.env['VAUBAN_CA_FILE'] ?? `${deployment.apiFolder}/server.crt`);
  if (token === undefined || authority === undefined) {
    const missing = settings === undefined && cli.env['VAUBAN_API'] === undefined;
    throw new Problem(missing ? 'HOST_UNREACHABLE' : 'UNAUTHENTICATED', {
      at: tokenFileOf(cli, target),
      message: missing
        ? `there is no deployment at ${deployment.state}`
        : 'the token or the certificate cannot be read',
      fix: missing
        ? 'Make one with `sudo ./vauban up examples/cloud-ids`.'
        : 'Run this as root, or set VAUBAN_TOKEN_FILE and VAUBAN_CA_FILE; for tunnels, `vauban login` is enough.',
    });
  }
  return { address, token, authority };
}

function readText(path: string): string | undefined {
  try {
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

/** The project that was named, or the only one there is. */
export async function projectOf(cli: Cli, client: Client, target: Target): Promise<string> {
  const named = target.project ?? cli.env['VAUBAN_PROJECT'];
  if (named !== undefined) return named;
  const { projects } = await client.get<{ projects: string[] }>('/v1/projects');
  const [only, ...more] = projects;
  if (only !== undefined && more.length === 0) return only;
  throw new Problem('INVALID_REQUEST', {
    at: '--project',
    message: only === undefined ? 'there is no project yet' : `there are several projects: ${projects.join(', ')}`,
    fix:
      only === undefined
        ? 'Apply a site first: `vauban apply FILE`.'
        : 'Name one with --project, or set VAUBAN_PROJECT.',
  });
}

/** A flag's value among the words that were typed so far. */
const typed = (cli: Cli, name: string, alias = name): string | undefined => {
  const at = cli.words.findIndex((it) => it === `--${name}` || it === `-${alias}`);
  return cli.words.find((it) => it.startsWith(`--${name}=`))?.slice(name.length + 3) ?? cli.words[at < 0 ? at : at + 1];
};

/** Names of resources for completion. A shell waits for them: no answer within two seconds is none. */
export async function proposedNames(cli: Cli, plural: string): Promise<readonly string[]> {
  const [state, project] = [typed(cli, 'state'), typed(cli, 'project', 'p')];
  const target = { ...(state === undefined ? {} : { state }), ...(project === undefined ? {} : { project }) };
  const names = async (): Promise<readonly string[]> => {
    const client = clientOf(cli, target);
    const path = `/v1/projects/${await projectOf(cli, client, target)}/${plural}`;
    return (await client.get<{ items: { name: string }[] }>(path)).items.map((it) => it.name);
  };
  return Promise.race([names().catch(() => []), sleep(2000, [], { ref: false })]);
}
