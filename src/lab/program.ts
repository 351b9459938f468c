import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Deployment } from '#core/deployment.ts';
import { systemUsers } from '#host/users.ts';

/** What runs: a copy of this program that a pull, an edit or the rights of somebody's home folder cannot touch. */
export interface Program {
  /** Folder of the copy. */
  readonly home: string;
  /** Path of the Node that runs it. */
  readonly node: string;
  /** For its processes: where its compiled code is, so that they start sooner and in less memory. */
  readonly environment: Readonly<Record<string, string>>;
}

const source = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const parts = ['src', 'rules', 'images', 'package.json', 'package-lock.json', 'LICENSE'];

/** Puts a copy of this version into the deployment's state, unless it is there. Root's, readable by everybody. */
export function ensureProgram(deployment: Deployment): Program {
  const folder = `${deployment.state}/program`;
  const home = `${folder}/${versionHash()}`;
  // Node of the system is everybody's already; the private one stands in the checkout.
  const own = process.execPath.startsWith(`${source}/`);
  const node = own ? `${home}/node` : process.execPath;
  if (!existsSync(home)) {
    const fresh = `${home}.${process.pid}.new`;
    mkdirSync(fresh, { recursive: true, mode: 0o755 });
    // As they are written, because links of the instances' runtime mean places inside of an instance.
    const asWritten = { recursive: true, verbatimSymlinks: true };
    for (const part of parts) cpSync(join(source, part), join(fresh, part), asWritten);
    for (const name of packagesOf(JSON.parse(readFileSync(`${source}/package.json`, 'utf8')) as Manifest)) {
      cpSync(`${source}/node_modules/${name}`, `${fresh}/node_modules/${name}`, { recursive: true });
    }
    if (own) cpSync(process.execPath, `${fresh}/node`);
    readable(fresh);
    renameOrYield(fresh, home);
  }
  // When it was last wanted.
  utimesSync(home, new Date(), new Date());
  return { home, node, environment: { NODE_COMPILE_CACHE: ensureCompiled(home, node) } };
}

/**
 * Compiles the copy once and for all users. Otherwise every process would load what strips types (some 16 MiB that stay)
 * and compile for itself. Only root writes there: compiled code is code. When it fails, processes do without.
 */
function ensureCompiled(home: string, node: string): string {
  const folder = `${home}/compiled`;
  if (existsSync(folder)) return folder;
  const fresh = `${home}.${process.pid}.new`;
  mkdirSync(fresh, { mode: 0o755 });
  const argv = ['--disable-warning=ExperimentalWarning', `${home}/src/main/warm.ts`];
  spawnSync(node, argv, { env: { NODE_COMPILE_CACHE: fresh }, stdio: 'ignore', timeout: 60_000 });
  // Node looks below a name that ends in the user's number; everybody may read what root has made.
  for (const name of readdirSync(fresh).filter((it) => it.endsWith('-0'))) {
    for (const { uid } of Object.values(systemUsers())) symlinkSync(name, `${fresh}/${name.slice(0, -1)}${uid}`);
  }
  readable(fresh);
  renameOrYield(fresh, folder);
  return folder;
}

/** Somebody else may have made the same copy in this moment; either is good. */
function renameOrYield(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    rmSync(from, { recursive: true, force: true });
    if (!existsSync(to)) throw error;
  }
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** The packages that run, with theirs. A peer that is not installed is one that is not needed. */
function packagesOf(manifest: Manifest, found = new Set<string>()): Set<string> {
  const peers = Object.keys(manifest.peerDependencies ?? {}).filter((it) => existsSync(`${source}/node_modules/${it}`));
  for (const name of [...Object.keys(manifest.dependencies ?? {}), ...peers]) {
    if (found.has(name)) continue;
    found.add(name);
    packagesOf(JSON.parse(readFileSync(`${source}/node_modules/${name}/package.json`, 'utf8')) as Manifest, found);
  }
  return found;
}

function versionHash(): string {
  const hash = createHash('sha256').update(process.version);
  for (const part of parts)
    for (const file of filesIn(part)) hash.update(`\0${file}\0`).update(contentOf(join(source, file)));
  return hash.digest('hex').slice(0, 16);
}

const contentOf = (path: string): string | Buffer =>
  lstatSync(path).isSymbolicLink() ? `-> ${readlinkSync(path)}` : readFileSync(path);

function filesIn(part: string): string[] {
  const path = join(source, part);
  if (!statSync(path).isDirectory()) return [part];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((it) => it.isFile() || it.isSymbolicLink())
    .map((it) => join(it.parentPath, it.name).slice(source.length + 1))
    .sort();
}

/** Readable for everybody, writable for root; what can be run stays so. */
function readable(folder: string): void {
  chmodSync(folder, 0o755);
  for (const it of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(it.parentPath, it.name);
    if (it.isDirectory()) chmodSync(path, 0o755);
    else if (it.isFile()) chmodSync(path, (statSync(path).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}
